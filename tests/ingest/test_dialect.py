"""Bytes in, dialect or refusal out."""

from __future__ import annotations

import csv
import io

import pytest

from hextrackr.errors import FileRefused
from hextrackr.ingest import dialect as dialect_module
from hextrackr.ingest.dialect import detect, rows

HEADER = b"asset.id,definition.id,severity\n"


@pytest.mark.parametrize(
    ("sample", "encoding", "guessed"),
    [
        pytest.param(HEADER + b"a,1,High\n", "utf-8", False, id="ascii"),
        pytest.param(b"\xef\xbb\xbf" + HEADER, "utf-8", False, id="utf-8 with BOM"),
        pytest.param(HEADER + "a,1,é\n".encode(), "utf-8", False, id="utf-8 without BOM"),
        pytest.param(b"\xff\xfe" + HEADER.decode().encode("utf-16-le"), "utf-16-le", False, id="utf-16-le"),
        pytest.param(b"\xfe\xff" + HEADER.decode().encode("utf-16-be"), "utf-16-be", False, id="utf-16-be"),
        pytest.param(HEADER.decode().encode("utf-16-le"), "utf-16-le", True, id="utf-16-le without BOM"),
        pytest.param(HEADER + "a,1,é “quoted” – ok\n".encode("cp1252"), "cp1252", True, id="cp1252"),
    ],
)
def test_encoding(sample, encoding, guessed):
    dialect = detect(sample, complete=True)
    assert (dialect.encoding, dialect.guessed) == (encoding, guessed)
    assert dialect.header == ("asset.id", "definition.id", "severity")


@pytest.mark.parametrize(
    ("sample", "encoding"),
    [
        pytest.param(b"\xef\xbb\xbf\xef\xbb\xbf" + HEADER, "utf-8", id="two marks"),
        pytest.param(
            b"\xef\xbb\xbf" + "\u00ef\u00bb\u00bf".encode() + HEADER, "utf-8", id="one that was taken for text"
        ),
        pytest.param(b"\xff\xfe\xff\xfe" + HEADER.decode().encode("utf-16-le"), "utf-16-le", id="two in utf-16"),
    ],
)
def test_a_file_that_was_saved_twice(sample, encoding):
    dialect = detect(sample, complete=True)
    assert (dialect.encoding, dialect.header) == (encoding, ("asset.id", "definition.id", "severity"))


@pytest.mark.parametrize("place", [10, len(HEADER) + 1, 5_000])
def test_a_zero_in_a_text_is_damage_and_makes_it_no_binary_file(place):
    sample = HEADER + b"a,1,High\n" * 1_000
    dialect = detect(sample[:place] + b"\0" + sample[place:], complete=True)
    assert (dialect.encoding, len(dialect.header)) == ("utf-8", 3)


def test_zeros_among_other_bytes_that_no_text_has():
    with pytest.raises(FileRefused, match="binary"):
        detect(b"\0\1\2\3" + HEADER + bytes(range(32)) * 10, complete=True)


@pytest.mark.parametrize("delimiter", [",", ";"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_rows_in_quotes_are_a_table_in_a_column(delimiter, newline, tmp_path):
    lines = [
        '"Report","of today","1"',
        '"QID,""Title"",""Severity"",""Port"""',
        '"1,""Old, very"",""2"",""80"""',
        f'"2,""Two{newline}lines of """"text"""""",""3"",""443"""',
    ]
    sample = newline.join([line.replace(",", delimiter) if line[1] != "R" else line for line in lines]).encode()
    dialect = detect(sample, complete=True, is_header=lambda cells: "QID" in cells)
    assert (dialect.wrapped, dialect.header_line, dialect.data_line) == (True, 2, 3)
    assert dialect.header == ("QID", "Title", "Severity", "Port")
    wanted = [["1", f"Old{delimiter} very", "2", "80"], ["2", 'Two\nlines of "text"', "3", "443"]]
    assert [[cell.replace("\r\n", "\n") for cell in row] for row in rows(sample, dialect)] == wanted
    source, copy = tmp_path / "file.csv", tmp_path / "copy.csv"
    source.write_bytes(sample)
    dialect_module.write_copy(source, copy, dialect)
    written = copy.read_text(encoding="utf-8")
    assert written.count("\n") == sample.count(b"\n") + 1
    table = csv.reader(io.StringIO("".join(written.splitlines(keepends=True)[2:]), newline=""), delimiter=delimiter)
    assert list(table) == wanted


def test_a_character_cut_by_the_end_of_the_sample_does_not_make_a_file_other_than_utf8():
    sample = (HEADER + "a,1,é".encode())[:-1]
    assert detect(sample, complete=False).encoding == "utf-8"
    assert detect(sample, complete=True).guessed


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_delimiter_and_line_ends(delimiter, newline):
    sample = newline.join([delimiter.join(["a.b", "c,d" if delimiter != "," else "c d", "e"]), delimiter.join("123")])
    dialect = detect(sample.encode(), complete=True)
    assert dialect.delimiter == delimiter
    assert len(dialect.header) == 3
    assert (dialect.header_line, dialect.data_line) == (1, 2)


def test_a_preamble_is_passed_over():
    sample = b'"Report of today"\n\n"Acme","Berlin"\nIP,QID,Title,Severity\n1,2,3,4\n'
    dialect = detect(sample, complete=True)
    assert dialect.header == ("IP", "QID", "Title", "Severity")
    assert (dialect.header_line, dialect.data_line) == (4, 5)


def test_a_header_cell_may_hold_a_line_break():
    dialect = detect(b'a,"b\nb",c\n1,2,3\n', complete=True)
    assert dialect.header == ("a", "b\nb", "c")
    assert dialect.data_line == 3


@pytest.mark.parametrize(
    ("sample", "said"),
    [
        pytest.param(b"", "empty", id="0 bytes"),
        pytest.param(b" \r\n\t\n", "empty", id="white space"),
        pytest.param(b"\0" * 100, "empty", id="zeros"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "PNG", id="png"),
        pytest.param(b"PK\x03\x04" + bytes(range(256)), "Excel", id="xlsx or zip"),
        pytest.param(b"\x1f\x8b" + bytes(range(256)), "gzip", id="gzip"),
        pytest.param(b"%PDF-1.7\n", "PDF", id="pdf"),
        pytest.param(b"<!DOCTYPE html><html><body>Log in</body></html>", "HTML", id="html"),
        pytest.param(b'<?xml version="1.0"?><NessusClientData_v2>', "XML", id="xml"),
        pytest.param(b'{"findings": []}', "JSON", id="json object"),
        pytest.param(b'\xef\xbb\xbf  [{"id": 1}]', "JSON", id="json list behind a BOM"),
        pytest.param(b"just one line of prose", "no header line", id="prose"),
        pytest.param(b"a,b\n1,2\n", "no header line", id="two columns"),
        pytest.param(bytes(range(1, 256)) * 20 + b"\0\0\0", "no header line", id="noise"),
    ],
)
def test_what_is_no_csv_is_refused_in_one_sentence(sample, said):
    with pytest.raises(FileRefused) as refusal:
        detect(sample, complete=True)
    assert said in refusal.value.detail
    assert refusal.value.detail.endswith(".")
    assert "\n" not in refusal.value.detail
