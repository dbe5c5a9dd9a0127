"""What the migrations make is what the models say, on both databases; and what is not is noticed."""

from __future__ import annotations

import shutil

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from config import TestingConfig
from hextrackr import create_app
from hextrackr.db import revisions
from hextrackr.domain import undo
from hextrackr.domain.models import SavedMapping
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


SEEN = (
    f"SELECT a.key, f.lifecycle, f.severity, {LAST_SEEN} FROM findings f JOIN assets a ON a.id = f.asset_id ORDER BY 1"
)


def of(day, *hosts, **cells):
    return [row(host=f"host-{host}", last_seen=f"2026-08-{day:02}T00:00:00Z", **cells) for host in hosts]


@pytest.mark.parametrize("kind", KINDS)
def test_a_database_of_the_first_version_is_brought_up_to_this_one(app_on, kind, tmp_path):
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
        alembic.downgrade(revisions.known()[0])
        alembic.upgrade()
        while ids:
            assert told(SEEN) == states.pop()
            undo.undo_import(db.engine, ids.pop())
        assert told(SEEN) == []


@pytest.mark.parametrize("kind", KINDS)
def test_scanners_whose_mappings_were_deleted_get_their_names_back(app_on, kind, tmp_path):
    with app_on(kind).app_context():
        bring = importer(db.engine, db.engine.url.render_as_string(hide_password=False), tmp_path)
        for number, name in enumerate(("Ours", "Theirs"), 1):
            columns = ["machine", "problem", f"bad {number}"]
            fields = {"host": "machine", "title": "problem", "severity": columns[2]}
            mapping = SavedMapping(
                name=name, header=columns, fields=fields, severity_scale="words", day_first=False, created_at=1
            )
            with Session(db.engine) as session, session.begin():
                session.add(mapping)
            bring(f"machine,problem,bad {number}\nweb1,Old TLS,High\n".encode(), vendor="Theirs" if number == 1 else "")
        alembic.downgrade("1795700000")
        with db.engine.begin() as connection:
            connection.execute(text("DELETE FROM saved_mappings WHERE id = 1"))
        alembic.upgrade()
        rows = told("SELECT id, name, deleted_at IS NULL, meanings IS NULL FROM saved_mappings ORDER BY id")
        assert [tuple(row) for row in rows] == [(1, "Deleted mapping 1", False, True), (2, "Theirs", True, True)]


def told(statement, **parameters):
    with db.engine.connect() as connection:
        return connection.execute(text(statement), parameters).all()
