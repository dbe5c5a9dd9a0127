"""Staging is emptied for the imports that have ended, and for no other."""

from __future__ import annotations

from sqlalchemy import update

from hextrackr.importing import staging, sweep
from hextrackr.models import Import
from tests.exports import scan

STAGED = "SELECT DISTINCT import_id FROM staging_findings ORDER BY 1"


def test_only_ended_imports_are_swept(run_import, engine, query):
    for _ in range(3):
        run_import(scan([1, 2]))
    with engine.begin() as connection:
        connection.execute(update(Import).where(Import.id == 2).values(state="awaiting-confirmation"))
    assert query(STAGED) == [(1,), (2,), (3,)]
    sweep.run(engine)
    assert query(STAGED) == [(2,)]
    assert query("SELECT count(*) FROM staging_assets WHERE import_id <> 2") == [(0,)]


def test_clearing_goes_on_until_nothing_is_left(run_import, engine, query, monkeypatch):
    monkeypatch.setattr(sweep, "BATCH_ROWS", 2)
    run_import(scan(range(25)))
    sweep.clear(engine, staging.TABLES, 1)
    assert query("SELECT count(*) FROM staging_findings") == [(0,)]
