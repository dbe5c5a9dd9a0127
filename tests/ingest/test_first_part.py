"""What the first part of a file tells is what its import then finds; of small files ``test_fixtures.py`` checks it."""

from __future__ import annotations

import pytest

from hextrackr.ingest import dialect, recognition, saved_mappings
from tests.support.exports import scan

#: What is the same in the import.
SAME = ("confidence", "alternatives", "encoding", "delimiter", "headerLine", "columns", "unusedColumns")


def recognise(engine, content, filename="scan.csv", label=""):
    part = recognition.read_first_part(
        content[: dialect.SAMPLE_BYTES], len(content), saved_mappings.formats(engine), filename
    )
    return recognition.recognise(engine, part, label)


def assert_found_by_the_import(found, record):
    """Compare what was recognised with what the import has found."""
    assert (found["scanner"], found["rows"], found["rowsExact"]) == (record.scanner, record.rows_read, True)
    assert (found["scanDate"], found["scanDateFrom"]) == (record.scan_date.isoformat(), record.scan_date_from)
    assert {name: found[name] for name in SAME} == {name: record.recognition[name] for name in SAME}


def test_of_a_large_file_the_rows_are_about_right(engine):
    content = scan(range(5_000))
    assert len(content) > 2 * dialect.SAMPLE_BYTES
    found = recognise(engine, content)
    assert found["rowsExact"] is False
    assert found["rows"] == pytest.approx(5_000, rel=0.1)
