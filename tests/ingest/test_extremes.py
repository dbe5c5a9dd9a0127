"""Files at the edge of what a file can be: huge cells, thousands of columns, one row over and over, archives, stray bytes."""

from __future__ import annotations

import gzip
import io
import zipfile

import pytest

from hextrackr.errors import FileRefused
from hextrackr.ingest import formats
from tests.support.exports import COLUMNS, export, row, scan


def test_as_many_columns_as_can_be_read(run_import, figures):
    more = formats.MAX_COLUMNS - len(COLUMNS)
    columns = (*COLUMNS, *(f"column {number}" for number in range(more)))
    filled = {f"column {number}": "x" for number in range(0, more, 7)}
    content = export([{**row(host="a"), **filled}, {**row(host="b"), **filled}], columns=columns)
    assert figures(run_import(content)) == {"inserted": 2}


def test_ten_thousand_columns_are_refused_in_words(run_import):
    columns = (*COLUMNS, *(f"column {number}" for number in range(10_000)))
    with pytest.raises(FileRefused, match="more than 500"):
        run_import(export([row()], columns=columns))


def test_the_same_header_twice(run_import, figures, query):
    lines = export([row(title="Kept")]).decode().splitlines()
    content = f"{lines[0]},definition.name\n{lines[1]},Other\n"
    assert figures(run_import(content.encode())) == {"inserted": 1}
    assert query("SELECT title FROM definitions") == [("Kept",)]


@pytest.mark.parametrize("above", [b"", b'Report,"of two\r\nlines"\r\n\r\n'], ids=["", "below a preamble"])
@pytest.mark.parametrize("name", [b'"definition.\nname"', b'"definition.\r\n name"'], ids=["LF", "CRLF"])
def test_a_line_break_in_the_header(run_import, figures, query, above, name):
    content = above + scan([1, 2, 3]).replace(b"definition.name", name, 1)
    assert figures(run_import(content)) == {"inserted": 3}
    assert query("SELECT title FROM definitions") == [("Plugin 1001",)]


def test_one_row_two_hundred_thousand_times(run_import, figures):
    header, line = export([row()]).splitlines(keepends=True)
    record = run_import(header + line * 200_000)
    assert figures(record) == {"inserted": 1, "merged": 199_999}
    assert record.rows_read == 200_000


@pytest.mark.parametrize("newline", ["\r", "\n", "\r\n"])
def test_every_kind_of_line_end_with_line_breaks_in_cells(run_import, figures, newline):
    rows = [row(host=f"h{n}", description=newline.join("abc")) for n in range(50)]
    assert figures(run_import(export(rows, newline=newline))) == {"inserted": 50}


def test_line_breaks_in_quotes_across_every_block_edge(run_import, figures):
    rows = [row(host=f"h{n}", description="line\n" * (n % 997) + f'"{n}"\r\n,') for n in range(8_000)]
    assert figures(run_import(export(rows))) == {"inserted": 8_000}


@pytest.mark.parametrize(
    ("stray", "titles"),
    [
        pytest.param(b"\xed\xa0\x80", None, id="lone surrogate"),
        pytest.param(b"\xff\xfe", None, id="invalid"),
        pytest.param(b"\xef\xbb\xbf", ["a\ufeffb"], id="a byte order mark inside"),
        pytest.param("\U0010ffff".encode(), ["a\U0010ffffb"], id="the last character"),
    ],
)
def test_stray_bytes_in_a_cell(run_import, figures, query, stray, titles):
    content = export([row(host="h0"), row(host="h1", plugin="7", title="a#b"), row(host="h2")]).replace(b"#", stray)
    assert figures(run_import(content)) == {"inserted": 3}
    found = [title for (title,) in query("SELECT title FROM definitions WHERE key = '7'")]
    if titles:
        assert found == titles
    else:
        assert found[0].startswith("a") and found[0].endswith("b")
    assert query("SELECT count(*) FROM assets WHERE key IN ('h0', 'h1', 'h2')") == [(3,)]


def test_a_zero_byte_is_kept_or_the_file_refused(run_import, query):
    content = export([row(host=f"h{n}", plugin=str(n), title=f"a{n}#b") for n in range(100)]).replace(b"#", b"\0", 1)
    try:
        record = run_import(content)
    except FileRefused as refusal:
        assert refusal.code == "UNREADABLE_CSV"
        assert query("SELECT count(*) FROM findings") == [(0,)]
    else:
        assert record.inserted == 100
        assert query("SELECT title FROM definitions WHERE key = '0'") == [("a0\0b",)]


def _zipped(content: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("scan.csv", content)
    return stream.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(gzip.compress(scan(range(100))), id="gz"),
        pytest.param(gzip.compress(b"0" * 50_000_000), id="gz of a thousand times its size"),
        pytest.param(gzip.compress(gzip.compress(scan([1]))), id="gz in gz"),
        pytest.param(_zipped(scan(range(100))), id="zip"),
        pytest.param(_zipped(_zipped(scan([1]))), id="zip in zip"),
        pytest.param(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(4096), id="an old spreadsheet"),
        pytest.param(b"\0" * 100_000, id="zeros"),
        pytest.param(b'"' * 100_001, id="quotes"),
        pytest.param(b"," * 100_000, id="commas"),
        pytest.param(b"\n" * 100_000, id="empty lines"),
    ],
)
def test_what_is_no_export_is_refused(run_import, query, content):
    with pytest.raises(FileRefused) as refusal:
        run_import(content)
    assert refusal.value.code in ("UNREADABLE_CSV", "UNKNOWN_FORMAT")
    assert query("SELECT count(*) FROM findings") == [(0,)]
