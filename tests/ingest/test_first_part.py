"""What the first part of a file tells is what its import then finds."""

from __future__ import annotations

import pytest

from hextrackr.ingest import dialect, first_part, saved_mappings
from tests.support.exports import scan
from tests.support.fixtures import LARGEST


def recognise(engine, content, filename="scan.csv", label=""):
    part = first_part.read(content[: dialect.SAMPLE_BYTES], len(content), saved_mappings.formats(engine), filename)
    return first_part.recognise(engine, part, label)


@pytest.mark.parametrize("path", LARGEST, ids=lambda path: path.parent.name)
def test_a_small_file_is_recognised_as_its_import_reads_it(run_import, engine, path):
    content = path.read_bytes()
    found = recognise(engine, content, path.name)
    record = run_import(content, filename=path.name)
    assert (found["scanner"], found["rows"], found["rowsExact"]) == (record.scanner, record.rows_read, True)
    assert (found["scanDate"], found["scanDateFrom"]) == (record.scan_date.isoformat(), record.scan_date_from)
    same = ("confidence", "alternatives", "encoding", "delimiter", "headerLine", "columns", "unusedColumns")
    assert {name: found[name] for name in same} == {name: record.recognition[name] for name in same}
    assert recognise(engine, content)["sources"] == [""]


def test_of_a_large_file_the_rows_are_about_right(engine):
    content = scan(range(5_000))
    assert len(content) > 2 * dialect.SAMPLE_BYTES
    found = recognise(engine, content)
    assert found["rowsExact"] is False
    assert found["rows"] == pytest.approx(5_000, rel=0.1)
