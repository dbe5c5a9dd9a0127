"""Staging holds the findings in the order of their keys; it is emptied for the imports that have ended, and for no other."""

from __future__ import annotations

import random

import pytest
from sqlalchemy import update

from hextrackr.domain.models import Import
from hextrackr.ingest import staging
from tests.support.exports import export, row, scan

STAGED = "SELECT DISTINCT import_id FROM staging_findings ORDER BY 1"


def test_only_ended_imports_are_swept(run_import, engine, query):
    for _ in range(3):
        run_import(scan([1, 2]))
    with engine.begin() as connection:
        connection.execute(update(Import).where(Import.id == 2).values(state="awaiting-confirmation"))
    assert query(STAGED) == [(1,), (2,), (3,)]
    staging.clean_up(engine)
    assert query(STAGED) == [(2,)]
    assert query("SELECT count(*) FROM staging_assets WHERE import_id <> 2") == [(0,)]


def test_clearing_goes_on_until_nothing_is_left(run_import, engine, query, monkeypatch):
    monkeypatch.setattr(staging, "CLEANUP_ROWS", 2)
    run_import(scan(range(25)))
    staging.clear(engine, staging.TABLES, 1)
    assert query("SELECT count(*) FROM staging_findings") == [(0,)]


@pytest.mark.system
def test_findings_are_numbered_in_the_order_of_their_keys_however_many_there_are(run_import, query):
    """More than DuckDB keeps together, from a file in another order."""
    rows = [row(host=f"host-{host}", plugin=str(1000 + plugin)) for host in range(800) for plugin in range(200)]
    random.Random(5).shuffle(rows)
    assert run_import(export(rows)).staged == 160_000
    key = "asset_number, definition_number, port"
    assert query(f"""
        SELECT count(*), min(number), max(number), count(*) FILTER (WHERE ({key}) > (next_asset, next_definition, next_port)) FROM (
            SELECT *, lead(asset_number) OVER later AS next_asset, lead(definition_number) OVER later AS next_definition,
                   lead(port) OVER later AS next_port
            FROM staging_findings WINDOW later AS (ORDER BY number)) AS numbered
    """) == [(160_000, 1, 160_000, 0)]
