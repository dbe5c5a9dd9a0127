"""Rows that are not valid CSV, in files of every size: each is accounted for, or the file is refused; memory stays bounded."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import pytest

from hextrackr.errors import FileRefused
from hextrackr.ingest import damage, dialect, formats, row_errors
from hextrackr.ingest.csv_database import IrregularCsv, NotUtf8
from tests.support import ROOT

MB = 1024 * 1024
HEADER = "Risk,Host,Port,Protocol,Plugin ID,Name,Plugin Output"


def line(number: int) -> str:
    return f"High,web{number},443,tcp,{1000 + number % 500},Old TLS {number % 500},plain output {'of the plugin ' * 4}"


def report(*lines: str, end: str = "\n") -> bytes:
    return ("\n".join((HEADER, *lines)) + end).encode()


def many(size: int) -> list[str]:
    """So many long lines that they take ``size`` bytes."""
    long = "of the plugin " * 400
    return [line(number) + long for number in range(size // len(line(9999) + long))]


# -- more than one buffer, without another quote -----------------------------------------------------------------------


@pytest.mark.parametrize(("share", "cell"), [(0.1, "web"), (0.97, "plain")])
def test_a_stray_quote_in_a_large_file_without_others_is_refused_with_its_line(run_import, query, share, cell):
    lines = many(17 * MB)
    place = int(len(lines) * share)
    lines[place] = lines[place].replace(cell, f'"{cell}', 1)
    with pytest.raises(FileRefused, match=f"line {place + 2} is never closed"):
        run_import(report(*lines))
    assert query("SELECT count(*) FROM findings") == [(0,)]


def test_a_quote_inside_a_cell_of_a_large_file_takes_no_row_with_it(run_import, figures):
    lines = many(17 * MB)
    lines[len(lines) // 2] = lines[len(lines) // 2].replace("output", 'out"put')
    assert figures(run_import(report(*lines))) == {"inserted": len(lines)}


def test_a_stray_quote_makes_no_other_finding_of_a_known_one(run_import, query):
    lines = [line(number) for number in range(20)]
    run_import(report(*lines))
    for number, cell in ((4, "web4"), (10, "tcp"), (16, "1016")):
        lines[number] = lines[number].replace(cell, f'{cell}"', 1)
    record = run_import(report(*lines))
    assert (record.rejected, record.inserted, record.unchanged) == (3, 0, 17)
    wrong = "A quote stands in the wrong place."
    assert query("SELECT line, reason FROM rejects ORDER BY line") == [(line, wrong) for line in (6, 12, 18)]


def test_what_is_no_protocol_makes_no_other_finding_of_a_known_one(run_import, query):
    """Two cells of a row that have changed places: the row is about a finding that nobody can tell."""
    lines = [line(number) for number in range(20)]
    run_import(report(*lines))
    for number, cell in ((4, "CVE-2026-12345"), (10, "192.0.2.77"), (16, "a sentence that stands in the wrong column")):
        lines[number] = lines[number].replace("tcp", cell, 1)
    record = run_import(report(*lines))
    assert (record.rejected, record.inserted, record.resolved, record.unchanged) == (3, 0, 0, 17)
    wrong = "This is not the name of a protocol."
    assert query("SELECT line, reason FROM rejects ORDER BY line") == [(line, wrong) for line in (6, 12, 18)]


def test_a_stray_quote_in_the_header_is_refused(run_import, query):
    lines = [line(number) for number in range(20)]
    lines[10] += '"'
    with pytest.raises(FileRefused, match="line 1 is never closed"):
        run_import(report(*lines).replace(b"Plugin Output", b'"Plugin Output', 1))
    assert query("SELECT count(*) FROM findings") == [(0,)]


# -- cut off -----------------------------------------------------------------------------------------------------------


def test_a_large_file_that_is_cut_in_mid_row_resolves_nothing(run_import, query):
    lines = many(17 * MB)
    run_import(report(*lines[:100]))
    with pytest.raises(FileRefused, match=rf"ends in the middle of a row \(line {len(lines) + 1}\); export it again"):
        run_import(report(*lines)[: 20 - len(lines[-1])])
    assert query("SELECT count(*), count(resolved_on) FROM findings") == [(100, 0)]


@pytest.mark.parametrize(
    ("delimiter", "newline", "encoding"),
    [(",", "\n", "utf-8"), (";", "\r\n", "utf-16-le"), ("\t", "\r", "cp1252"), ("|", "\r\n", "utf-8"), (";", "\r", "utf-8")],
)  # fmt: skip
def test_a_cut_row_is_told_in_every_dialect(run_import, delimiter, newline, encoding):
    lines = [line(number).replace("plain", "schlicht für") for number in range(50)]
    content = (newline.join((HEADER, *lines)) + newline).replace(",", delimiter)
    run_import(content.encode(encoding))
    with pytest.raises(FileRefused, match=r"in the middle of a row \(line 51\)"):
        run_import(content[: content.rindex("Old TLS")].encode(encoding))


# -- kept and counted --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", ["a,b", 'High,"web"1,443,tcp,1,x,y'], ids=range(2))
def test_every_reject_is_counted_and_the_first_ones_are_kept(run_import, figures, query, bad):
    lines = [text for number in range(12_000) for text in (line(number), bad)]
    record = run_import(report(*lines))
    assert figures(record) == {"inserted": 12_000, "rejected": 12_000}
    assert record.rows_read == 24_000
    assert query("SELECT count(*), min(line), max(line) FROM rejects") == [(row_errors.MAX_REJECTS, 3, 20_001)]
    assert "Only the first 10000 of 12000 rejected rows are listed." in record.warnings


def test_faulty_and_malformed_rows_are_kept_in_the_order_of_the_file(run_import, figures, query):
    faulty = line(1).replace("High", "Superbad")
    lines = [text for number in range(8_000) for text in ("a,b", faulty)] + [line(2)]
    assert figures(run_import(report(*lines))) == {"inserted": 1, "rejected": 16_000}
    assert query("SELECT count(*), min(line), max(line), count(DISTINCT line) FROM rejects") == [
        (10_000, 2, 10_001, 10_000)
    ]


def test_a_line_is_told_as_an_editor_counts_it(run_import, query):
    many_lines = line(1).replace("plain", '"one\ntwo\n').replace("plugin ", "plugin", 1) + '"'
    run_import(report(many_lines, "", "", "a,b", many_lines.replace("web1", "web2"), "", line(3) + ",more", line(4)))
    assert query("SELECT line, reason FROM rejects ORDER BY line") == [
        (7, "The row has 2 cells, but the header has 7."),
        (12, "The row has 8 cells, but the header has 7."),
    ]


# -- bounded memory ----------------------------------------------------------------------------------------------------

_LIMITED = """
import resource, sys, time
from pathlib import Path
from hextrackr.ingest import damage, dialect, formats
resource.setrlimit(resource.RLIMIT_AS, (700 * 1024**2,) * 2)
path = Path(sys.argv[1])
found = dialect.detect(path.read_bytes()[:100_000], complete=False, is_header=formats.is_header)
try:
    separated = damage.separate(path, path.with_name("sound"), found, formats.recognise(found.header))
    print(separated.rows, separated.count, len(separated.malformed))
except Exception as error:
    print(getattr(error, "detail", repr(error)))
"""


def separated(path: Path) -> str:
    """What is found in a file by a process of little memory."""
    done = subprocess.run(
        [sys.executable, "-c", _LIMITED, str(path)], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def test_a_million_short_lines_take_no_more_memory_than_ten_thousand(tmp_path):
    path = tmp_path / "short.csv"
    path.write_bytes(report() + b"a,b\n" * 1_000_000)
    assert separated(path) == "0 1000000 10000"


@pytest.mark.system
@pytest.mark.parametrize("closed", [False, True])
def test_a_quote_that_is_open_for_a_hundred_megabytes_is_refused(tmp_path, closed):
    path = tmp_path / "open.csv"
    text = report(*many(100 * MB)).replace(b"web1000,", b'"web1000,', 1)
    path.write_bytes(text + (b'"' if closed else b""))
    assert separated(path) == ("A quote that opens on line 1002 is never closed, so the rows after it cannot be read.")


# -- the count ---------------------------------------------------------------------------------------------------------


def counted(path: Path, content: bytes, *, empty_lines: bool = False) -> int:
    path.write_bytes(content)
    found = dialect.detect(content[:100_000], complete=True, is_header=formats.is_header)
    return damage.count(path, found, empty_lines=empty_lines)


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 100, 10**6])
def test_rows_are_counted_across_every_edge(tmp_path, monkeypatch, chunk):
    monkeypatch.setattr(damage, "CHUNK_BYTES", chunk)
    rows = [line(1), '"High","web ""2""",443,tcp,1,"a\nb","\n\n"', ",,,,,,", '"","","","","","",""', line(5)]
    for newline, end in itertools.product(("\n", "\r\n"), (True, False)):
        content = newline.join((HEADER, *rows)) + newline * end
        assert counted(tmp_path / "file", content.encode()) == 5
        assert counted(tmp_path / "file", content.encode(), empty_lines=True) == 5
        with_empty = content.replace(newline + "High", newline * 3 + "High") + newline * 2
        assert counted(tmp_path / "file", with_empty.encode(), empty_lines=True) == 5


def test_what_is_open_at_the_end_is_irregular(tmp_path):
    with pytest.raises(IrregularCsv):
        counted(tmp_path / "file", report(line(1), '"' + line(2)))


@pytest.mark.parametrize("chunk", [1, 1000])
def test_what_is_not_utf8_is_told(tmp_path, monkeypatch, chunk):
    monkeypatch.setattr(damage, "CHUNK_BYTES", chunk)
    assert counted(tmp_path / "file", report(line(1) + "ü€")) == 1
    for bad in (b"\xe9\n", b"\xc3"):
        with pytest.raises(NotUtf8):
            counted(tmp_path / "file", report(line(1)) * 50 + bad)
