"""What the migrations make is what the models say, on both databases; and what is not is noticed."""

from __future__ import annotations

import shutil

import pytest
from sqlalchemy import text

from config import TestingConfig
from hextrackr import create_app
from hextrackr.extensions import alembic, db


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


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_models_agree_with_the_migrations(app_on, kind):
    assert unlike(app_on(kind)) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("ALTER TABLE assets ALTER name TYPE TEXT COLLATE \"default\"", ["modify_type"]),
        ("ALTER TABLE assets ALTER name TYPE VARCHAR(255) COLLATE \"C\"", ["modify_type"]),
        ("ALTER TABLE imports ALTER file_size TYPE INTEGER", ["modify_type"]),
        ("DROP INDEX ix_findings_port", ["add_index"]),
        ("DROP INDEX ix_findings_cvss; CREATE INDEX ix_findings_cvss ON findings (cvss, grade)", ["add_index", "remove_index"]),
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
