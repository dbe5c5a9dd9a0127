"""Rows too long for DuckDB's buffer, which it would pass over without a word."""

from __future__ import annotations

import subprocess
import sys

import pytest

from hextrackr.errors import FileRefused
from hextrackr.ingest import row_errors
from hextrackr.ingest.csv_database import BUFFER_BYTES
from tests.support import ROOT
from tests.support.exports import export, row, scan

MB = 1024 * 1024


@pytest.mark.parametrize("newline", [b"\n", b"\r", b"\r\n"])
def test_a_line_longer_than_ten(tmp_path, newline):
    path = tmp_path / "lines"
    for lengths in ([9], [10], [11], [10, 11], [11, 3], [3, 3, 11], [0, 0, 10, 0], [10] * 50, [30]):
        for end in (newline, b""):
            path.write_bytes(newline.join(b"x" * length for length in lengths) + end)
            assert row_errors.has_longer_line(path, 10) == (max(lengths) > 10), (lengths, end)


def test_what_is_looked_at_of_a_big_file_does_not_stay_in_memory(tmp_path):
    path = tmp_path / "big"
    with path.open("wb") as stream:
        for _ in range(200):
            stream.write(b"x" * (MB - 1) + b"\n")
    program = f"""
import resource
from pathlib import Path
from hextrackr.ingest import row_errors
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert not row_errors.has_longer_line(Path({str(path)!r}), {MB})
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    grown = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True)
    assert int(grown.stdout) < 8


def test_an_empty_file_has_no_line(tmp_path):
    (tmp_path / "empty").touch()
    assert not row_errors.has_longer_line(tmp_path / "empty", 10)


@pytest.mark.parametrize(
    ("place", "cells"),
    [
        (0, {"description": "x" * (BUFFER_BYTES + 1)}),
        (1, {"description": "x" * 40 * MB}),
        (2, {"description": "x," * 9 * MB}),
        (1, {"description": "x" * 10 * MB, "solution": "\n", "synopsis": "x" * 10 * MB}),
    ],
    ids=["as the buffer", "three buffers", "quoted", "in parts"],
)
def test_it_is_a_reject_with_its_line_and_takes_no_other_row_with_it(run_import, query, place, cells):
    columns = tuple(dict.fromkeys((*row(), *cells)))
    rows = [row(host=f"h{n}") for n in range(3)]
    rows[place] |= cells
    record = run_import(export(rows, columns=columns))
    assert (record.rows_read, record.inserted, record.rejected) == (3, 2, 1)
    assert query("SELECT line FROM rejects") == [(place + 2,)]
    assert "8 MB" in query("SELECT reason FROM rejects")[0][0]


def test_a_line_that_no_memory_takes_is_refused(run_import):
    content = scan([1]) + b"x" * 65 * MB + b"\n"
    with pytest.raises(FileRefused, match="longer than 64 MB"):
        run_import(content)


def test_a_quote_that_is_never_closed_is_no_long_row(run_import, query):
    content = scan(range(3)) + b'"' + b"x" * 2 * MB + b"\n" + scan(range(3, 60_000))[: 17 * MB]
    with pytest.raises(FileRefused):
        run_import(content)
    assert query("SELECT count(*) FROM findings") == [(0,)]
