"""What the migrations make is what the models say, on both databases; and what is not is noticed."""

from __future__ import annotations

import shutil

import pytest
from sqlalchemy import text

from config import TestingConfig
from hextrackr import create_app
from hextrackr.domain import undo
from hextrackr.extensions import alembic, db
from tests.support.exports import export, row
from tests.support.importer import importer
from tests.support.sql import LAST_SEEN

KINDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.system)]


@pytest.fixture
def app_on(migrated, tmp_path, request):
    """An app on a migrated database of this kind."""
    apps = []

    def build(kind):
        shutil.copytree(migrated, tmp_path / kind)
        url = request.getfixturevalue("postgresql_database") if kind == "postgresql" else ""
        apps.append(create_app(TestingConfig(INSTANCE_PATH=tmp_path / kind, DATABASE_URL=url)))
        return apps[-1]

    yield build
    for app in apps:
        with app.app_context():
            db.engine.dispose()


def unlike(app):
    """The kinds of the differences."""
    with app.app_context():
        found = alembic.compare_metadata()
        return sorted(change[0][0] if isinstance(change, list) else change[0] for change in found)


@pytest.mark.parametrize("kind", KINDS)
def test_the_models_agree_with_the_migrations(app_on, kind):
    assert unlike(app_on(kind)) == []


@pytest.mark.system
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("ALTER TABLE assets ALTER name TYPE TEXT COLLATE \"default\"", ["modify_type"]),
        ("ALTER TABLE assets ALTER name TYPE VARCHAR(255) COLLATE \"C\"", ["modify_type"]),
        ("ALTER TABLE imports ALTER file_size TYPE INTEGER", ["modify_type"]),
        ("DROP INDEX ix_findings_sighting", ["add_index"]),
        (
            "DROP INDEX ix_findings_sighting; CREATE INDEX ix_findings_sighting ON findings (is_open, sighting_id)",
            ["add_index", "remove_index"],
        ),
        ("ALTER TABLE assets DROP CONSTRAINT fk_assets_source_id_sources", ["add_fk"]),
        ("CREATE TABLE forgotten (id INTEGER)", ["remove_table"]),
    ],
)  # fmt: skip
def test_what_is_otherwise_on_postgresql_is_noticed(app_on, change, told):
    app = app_on("postgresql")
    with app.app_context(), db.engine.begin() as connection:
        for statement in change.split("; "):
            connection.execute(text(statement))
    assert unlike(app) == told


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_staged_before_an_upgrade_gets_its_weights(app_on, kind):
    app = app_on(kind)
    with app.app_context():
        alembic.downgrade("1795490000")
        with db.engine.begin() as connection:
            for table, values in (
                ("staging_assets (import_id, number, key)", "(7, 1, 'web1'), (7, 2, 'web2')"),
                ("staging_definitions (import_id, number, key, title)", "(7, 1, '10001', 'A flaw')"),
                (
                    "staging_observations (import_id, number, protocol, severity, vpr, state, findings)",
                    "(7, 1, 'tcp', 4, 9.1, 1, 2), (7, 2, 'tcp', 2, NULL, 2, 1), (7, 3, 'tcp', 4, 9.1, 0, 1)",
                ),
                (
                    "staging_findings (import_id, number, asset_number, definition_number, port, observation_number)",
                    "(7, 1, 1, 1, 80, 1), (7, 2, 1, 1, 443, 1), (7, 3, 1, 1, 8080, 2), (7, 4, 2, 1, 80, 3)",
                ),
            ):
                connection.execute(text(f"INSERT INTO {table} VALUES {values}"))
        alembic.upgrade()
        with db.engine.connect() as connection:
            weights = "SELECT critical, high, medium, low, info, vpr_sum FROM staging_{} ORDER BY number"
            assert connection.execute(text(weights.format("assets"))).all() == [
                (2, 0, 1, 0, 0, 18.2),
                (0, 0, 0, 0, 0, 0),
            ]
            assert connection.execute(text(weights.format("definitions"))).all() == [(2, 0, 1, 0, 0, 18.2)]


SEEN = (
    f"SELECT a.key, f.lifecycle, f.severity, {LAST_SEEN} FROM findings f JOIN assets a ON a.id = f.asset_id ORDER BY 1"
)


def of(day, *hosts, **cells):
    return [row(host=f"host-{host}", last_seen=f"2026-08-{day:02}T00:00:00Z", **cells) for host in hosts]


@pytest.mark.parametrize("kind", KINDS)
def test_when_findings_were_seen_survives_a_downgrade_and_an_upgrade(app_on, kind, tmp_path):
    """Scans that see most findings again, some of them, some on another day, some changed; then all of them are undone."""
    app = app_on(kind)
    weeks = [
        [*of(1, *range(40)), *of(2, *range(40, 130))],
        [*of(8, *range(3, 130))],
        [*of(15, *range(5, 90)), *of(16, *range(90, 110)), *of(15, *range(110, 120), severity="Low"), *of(15, *range(200, 205))],
    ]  # fmt: skip
    with app.app_context():
        bring = importer(db.engine, db.engine.url.render_as_string(hide_password=False), tmp_path)
        states, ids = [], []
        for week in weeks:
            ids.append(bring(export(week)).id)
            states.append(told(SEEN))
        alembic.downgrade("1795510000")
        before = (
            "SELECT CAST(last_seen AS TEXT), count(*) FROM undo_findings WHERE import_id = :id GROUP BY 1 ORDER BY 1"
        )
        assert told(before, id=ids[1]) == [("2026-08-01", 40), ("2026-08-02", 90)]
        assert told(before, id=ids[2]) == [("2026-08-08", 127)]
        assert told("SELECT a.key, f.lifecycle, f.severity, f.last_seen FROM findings f JOIN assets a ON a.id = f.asset_id ORDER BY 1") \
            == states[-1]  # fmt: skip
        alembic.upgrade()
        while ids:
            assert told(SEEN) == states.pop()
            undo.undo_import(db.engine, ids.pop())
        assert told(SEEN) == []


@pytest.mark.parametrize("kind", KINDS)
def test_hosts_of_an_older_database_are_known_again(app_on, kind, tmp_path):
    """It knew them by one text, be it an id, a name or an address: by that and by its columns they are found."""
    app = app_on(kind)
    hosts = {
        "id-1": {
            "asset_name": "pc1",
            "asset_display_fqdn": "pc1.example.com",
            "asset_display_ipv4_address": "192.0.2.1",
        },
        "": {"asset_name": "", "asset_display_fqdn": "pc2.example.com", "asset_display_ipv4_address": "192.0.2.2"},
        " ": {"asset_name": "", "asset_display_ipv4_address": "192.0.2.3"},
    }
    content = export(row(host=host.strip(), **cells) for host, cells in hosts.items())
    moved = export(
        row(host=host.strip(), **cells | ({"asset_display_ipv4_address": "192.0.2.9"} if host.strip() else {}))
        for host, cells in hosts.items()
    )
    with app.app_context():
        bring = importer(db.engine, db.engine.url.render_as_string(hide_password=False), tmp_path)
        bring(content)
        alembic.downgrade("1795560000")
        alembic.upgrade()
        assert told("SELECT kind, value FROM asset_identifiers WHERE inherited ORDER BY asset_id, kind, value") == [
            ("address", "192.0.2.3"),
            ("address", "192.0.2.1"), ("id", "id-1"), ("name", "pc1"), ("name", "pc1.example.com"),
            ("address", "192.0.2.2"), ("name", "pc2.example.com"),
        ]  # fmt: skip
        for again in (content, moved, content):
            record = bring(again)
            assert (record.unchanged, record.inserted, record.resolved) == (3, 0, 0)


def told(statement, **parameters):
    with db.engine.connect() as connection:
        return connection.execute(text(statement), parameters).all()
