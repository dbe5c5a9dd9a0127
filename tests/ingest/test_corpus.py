"""What others have collected to try readers of CSV: csv-spectrum (from npm), and the cases of csv-test-data in lines of our own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hextrackr.errors import FileRefused
from hextrackr.ingest import damage, dialect
from hextrackr.ingest.csv_database import CsvDatabase, IrregularCsv
from hextrackr.ingest.dialect import Dialect
from hextrackr.ingest.formats.format import Format, columns_of

SPECTRUM = Path(__file__).resolve().parents[2] / "node_modules" / "csv-spectrum"
NAMES = (
    "comma_in_quotes", "empty", "empty_crlf", "escaped_quotes", "json", "location_coordinates", "newlines", "newlines_crlf",
    "quotes_and_newlines", "simple", "simple_crlf", "utf8",
)  # fmt: skip


@pytest.fixture
def read(tmp_path):
    """Read a file as an import does, before it knows what the columns mean: its header, its rows, what is no row."""

    def read(content):
        source, copy, sound = (tmp_path / name for name in ("file.csv", "copy.csv", "sound.csv"))
        source.write_bytes(content)
        # Stated and not detected: no export has as few columns as these files.
        header = tuple(content.decode().splitlines()[0].split(","))
        found = Dialect("utf-8", False, 0, ",", header, header_line=1, data_line=2)
        dialect.write_copy(source, copy, found)
        recognised = Format("own", "Own", signature=(), essential={}, fields=columns_of(), severities={}).recognised(
            header
        )
        separated = damage.separate(copy, sound, found, recognised)
        database = CsvDatabase(sound, found, spill=tmp_path, memory_limit="256MB")
        try:
            rows = database.all(f"SELECT * FROM {database.source()}")
        finally:
            database.close()
        assert len(rows) == separated.rows
        return list(found.header), [["" if cell is None else cell for cell in row] for row in rows], separated.count

    return read


@pytest.mark.parametrize("name", NAMES)
def test_csv_spectrum(read, name):
    if not SPECTRUM.is_dir():
        pytest.skip("csv-spectrum is not installed: `make test` installs it")
    header, rows, rejected = read((SPECTRUM / "csvs" / f"{name}.csv").read_bytes())
    expected = json.loads((SPECTRUM / "json" / f"{name}.json").read_text(encoding="utf-8"))
    if name == "location_coordinates":  # its two files disagree about the telephone number
        expected = [{**expected, "Contact Phone Number": "2095257564"}]
    # Line ends in cells are stored one way.
    plain = [{key: value.replace("\r\n", "\n") for key, value in row.items()} for row in expected]
    assert rejected == 0
    assert [dict(zip(header, row, strict=True)) for row in rows] == plain


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        pytest.param("a,b\n,\n,\n", [["", ""], ["", ""]], id="all empty"),
        pytest.param("a,b\nx,\n,y\n", [["x", ""], ["", "y"]], id="empty field"),
        pytest.param("a,b\n", [], id="header without rows"),
        pytest.param("a,b\n x,  y\n", [[" x", "  y"]], id="leading space"),
        pytest.param("a,b\nx ,y  \n", [["x ", "y  "]], id="trailing space"),
        pytest.param('a,b\n"",""\n', [["", ""]], id="empty quotes"),
        pytest.param('a,b\n"x,y",z\n', [["x,y", "z"]], id="comma in quotes"),
        pytest.param('a,b\n"x""y",z\n', [['x"y', "z"]], id="quote in quotes"),
        pytest.param('a,b\n"x\ny",z\n', [["x\ny", "z"]], id="line break in quotes"),
        pytest.param('a,b\n" x "," y"\n', [[" x ", " y"]], id="space in quotes"),
        pytest.param("a,b\nx,y", [["x", "y"]], id="no line end"),
        pytest.param("a,b\nx,y\n\n", [["x", "y"]], id="an empty line at the end"),
        pytest.param("a,b\nžluťoučký,漢字😀\n", [["žluťoučký", "漢字😀"]], id="utf-8"),
    ],
)
def test_sound_files(read, text, rows):
    for end in ("\n", "\r\n", "\r"):
        assert read(text.replace("\n", end).encode()) == (["a", "b"], rows, 0)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a,b,c\nx,y,z\nx\n", id="fewer fields"),
        pytest.param("a,b,c\nx,y,z\nx,y,z,more\n", id="more fields"),
        pytest.param('a,b,c\nx,y,z\n"x"y,z,z\n', id="quote in the middle of quotes"),
        pytest.param('a,b,c\nx,y,z\n"x,y,z\n', id="quote that is never closed"),
    ],
)
def test_bad_rows_are_told_and_never_taken_for_others(read, text):
    try:
        _, rows, rejected = read(text.encode())
    except (IrregularCsv, FileRefused):
        return
    assert rows == [["x", "y", "z"]]
    assert rejected == 1
