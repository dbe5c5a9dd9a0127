"""Exports of our own making in ``tests/data/<scanner>/``, each with what must come out of it beside it, as JSON.

A new format needs its folder and nothing here. What the JSON leaves out is not looked at.
"""

from __future__ import annotations

import json

import pytest

from hextrackr.ingest import formats
from tests.ingest.test_first_part import assert_found_by_the_import, recognise
from tests.support.databases import as_sqlite_has_them
from tests.support.fixtures import FILES, FOLDER, LARGEST
from tests.support.sql import LAST_SEEN, joined

FINDINGS = f"""
    SELECT a.key AS asset, a.ip, d.key AS definition, port, protocol, severity, lifecycle,
           f.first_seen, {LAST_SEEN} AS last_seen, f.cvss, f.vpr
    FROM findings f JOIN assets a ON a.id = f.asset_id JOIN definitions d ON d.id = f.definition_id ORDER BY 1, 3, 4, 5
"""
DEFINITIONS = """
    SELECT d.key AS definition, title, description, solution, cvss_vector, epss, published, updated,
           (SELECT {joined} FROM (SELECT cve FROM definition_cves WHERE definition_id = d.id ORDER BY cve) AS named) AS cves
    FROM definitions d ORDER BY 1
"""


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(FOLDER)) for path in FILES])
def test_what_comes_out(run_import, engine, path):
    """Of the largest ones also: the first part shows it. What a second import does is tried in test_again.py."""
    expected = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    found = recognise(engine, path.read_bytes(), path.name)
    record = run_import(path.read_bytes(), filename=path.name)
    assert record.scanner == path.parent.name
    assert record.rows_read == record.staged + record.merged + record.blank + record.rejected
    assert {name: getattr(record, name) for name in expected["figures"]} == expected["figures"]
    assert len(record.warnings) == len(expected["warnings"])
    for warning, part in zip(record.warnings, expected["warnings"], strict=True):
        assert part in warning
    if "scan_date" in expected:
        assert str(record.scan_date) == expected["scan_date"]
    definitions = DEFINITIONS.format(joined=joined(engine, "cve"))
    with engine.connect() as connection:
        for name, statement in (("findings", FINDINGS), ("definitions", definitions)):
            cursor = connection.exec_driver_sql(statement)
            names = list(cursor.keys())
            rows = [dict(zip(names, row, strict=True)) for row in as_sqlite_has_them(cursor)]
            assert [only(row, wanted) for row, wanted in zip(rows, expected[name], strict=True)] == expected[name]
    if path in LARGEST:
        assert_found_by_the_import(found, record)
        assert recognise(engine, path.read_bytes())["sources"] == [""]


def only(row: dict, wanted: dict) -> dict:
    return {name: row[name] for name in wanted}


def test_every_format_has_a_fixture():
    assert {known.key for known in formats.known()} <= {path.parent.name for path in FILES}
