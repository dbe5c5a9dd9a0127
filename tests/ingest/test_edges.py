"""What stands around the rows, and what a file is written in: preambles, footers, padding, encodings."""

from __future__ import annotations

import pytest

from hextrackr.errors import FileRefused
from tests.support.exports import export, row

HEADER = "IP,DNS,QID,Title,Type,Severity,Port,Protocol,First Detected,Last Detected\n"
ROWS = "10.0.0.1,a,1,One,Vuln,3,443,tcp,,2026-01-02\n10.0.0.2,b,2,Two,Vuln,4,443,tcp,,2026-01-02\n"


@pytest.mark.parametrize(
    ("footer", "lines"),
    [
        ("\nTotal: 2\n", 1),
        ("\nTotal,2\n", 1),
        ("Total: 2", 1),
        ("End of report\n", 1),
        ('\n"hosts not scanned","10.0.0.3"\n"hosts not alive","10.0.0.4"\n\n\n', 2),
        ("\r\n\r\nTotal: 2\r\nCreated by: me\r\n", 2),
    ],
)
def test_a_footer_is_no_row(run_import, figures, footer, lines):
    record = run_import((HEADER + ROWS + footer).encode(), mode="delta")
    assert figures(record) == {"inserted": 2}
    assert record.rows_read == 2
    [told] = [warning for warning in record.warnings if "footer" in warning]
    assert (f"last {lines} lines" if lines > 1 else "last line was") in told


@pytest.mark.parametrize("end", ["10.0.0.3", "10.0.0.3,c,3,Three,Vuln,3,44", "\n\n10.0.0.3,c,3,Three,Vuln,3,44"])
def test_a_file_that_ends_in_the_middle_of_a_row_is_refused(run_import, query, end):
    with pytest.raises(
        FileRefused, match=rf"in the middle of a row \(line {4 + end.count(chr(10))}\); export it again"
    ):
        run_import((HEADER + ROWS + end).encode())
    assert query("SELECT count(*) FROM findings") == [(0,)]


@pytest.mark.parametrize("end", ["  ", "\x1a"])
def test_what_stands_behind_the_last_row_and_is_no_text_does_not_make_it_cut(run_import, figures, end):
    assert figures(run_import((HEADER + ROWS + end).encode())) == {"inserted": 2}


def test_a_row_that_is_cut_in_its_first_words_is_no_footer(run_import):
    header = "Title,IP,QID,Severity,Type\n"
    rows = "".join(f"Apache server {number},10.0.0.1,{number},3,Vuln\n" for number in range(9))
    with pytest.raises(FileRefused, match="in the middle of a row"):
        run_import((header + rows + "Apache ser").encode())
    run_import((header + rows + "\nEnd of report").encode())


@pytest.mark.parametrize("end", ["10.0.0.3,c,3\n", "10.0.0.3\n", "\n10.0.0.3,c,3,Three,Vuln,3,44\n"])
def test_a_row_with_too_few_cells_is_a_reject(run_import, figures, query, end):
    record = run_import((HEADER + ROWS + end).encode())
    assert figures(record) == {"inserted": 2, "rejected": 1}
    assert query("SELECT line FROM rejects") == [(4 + end.startswith("\n"),)]


def test_short_lines_between_rows_are_rejects(run_import, figures):
    assert figures(run_import((HEADER + "Total: 1\n" + ROWS).encode())) == {"inserted": 2, "rejected": 1}


@pytest.mark.parametrize(
    "preamble",
    [
        "sep=,\n",
        "Report of today\n",
        '"Report","2026-01-01","1"\n"Acme, Inc.","Main Street","Berlin"\n\n',
        "a,b,c,d\n" * 12,
        "\n\n\n",
    ],
)
def test_a_preamble_is_no_row(run_import, figures, preamble):
    record = run_import((preamble + HEADER + ROWS).encode())
    assert (figures(record), record.rows_read) == ({"inserted": 2}, 2)


def test_rows_of_hosts_without_findings_are_blank(run_import, figures):
    bare = "10.0.0.9,c,,,,,,,,\n"
    assert figures(run_import((HEADER + bare + ROWS + bare).encode())) == {"inserted": 2, "blank": 2}


@pytest.mark.parametrize(
    ("encoding", "bom", "warned"),
    [
        ("utf-8", b"\xef\xbb\xbf", False),
        ("utf-16-le", b"\xff\xfe", False),
        ("utf-16-be", b"\xfe\xff", False),
        ("utf-16-le", b"", True),
        ("utf-16-be", b"", True),
        ("cp1252", b"", True),
    ],
)
def test_encodings(run_import, query, encoding, bom, warned):
    content = export([row(title="Schlüssel “alt” – ß")]).decode()
    record = run_import(bom + content.encode(encoding))
    assert query("SELECT title FROM definitions") == [("Schlüssel “alt” – ß",)]
    assert [encoding in warning for warning in record.warnings] == ([True] if warned else [])


def test_what_is_not_utf8_far_behind_the_sample_is_read_as_cp1252(run_import, figures, query):
    rows = [row(host=f"h{n}", plugin=str(n), description="x" * 400) for n in range(1000)]
    content = export([*rows, row(plugin="9999", title="Größe")]).decode().encode("cp1252")
    record = run_import(content)
    assert figures(record) == {"inserted": 1001}
    assert query("SELECT title FROM definitions WHERE key = '9999'") == [("Größe",)]
    assert "not everywhere" in record.warnings[0]


def test_a_single_bad_byte_does_not_spoil_the_other_characters(run_import, query):
    content = export([row(title="Größe äöü", description="caf#")]).replace(b"caf#", b"caf\xe9")
    run_import(content)
    assert query("SELECT title, description FROM definitions") == [("Größe äöü", "café")]


def azure(state):
    return f"recommendationName,recommendationDisplayName,resourceId,severity,state\na-1,Encrypt,/r/1,High,{state}\n".encode()


def test_a_test_that_passed_resolves_a_finding_and_opens_none(run_import, figures, query):
    assert figures(run_import(azure("Healthy"))) == {}
    assert query("SELECT count(*) FROM findings") == [(0,)]
    assert figures(run_import(azure("Unhealthy"))) == {"inserted": 1}
    assert figures(run_import(azure("Healthy"), mode="delta")) == {"resolved": 1}
    assert figures(run_import(azure("Healthy"), mode="delta")) == {"unchanged": 1}
    assert figures(run_import(azure("Unhealthy"))) == {"reopened": 1}
