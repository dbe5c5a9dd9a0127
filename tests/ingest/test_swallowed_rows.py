"""A quote that swallows rows is refused; a cell of many lines, whatever they look like, is not."""

from __future__ import annotations

import pytest

from hextrackr.errors import FileRefused

HEADER = "Plugin ID,CVE,CVSS,Risk,Host,Protocol,Port,Name,Synopsis,Description,Solution,See Also,Plugin Output"


def line(number, **cells):
    row = {
        "Risk": "High",
        "Host": f"10.0.0.{number}",
        "Protocol": "tcp",
        "Port": "443",
        "Name": f"Plugin {number}",
        **cells,
    }
    row["Plugin ID"] = str(1000 + number)
    return ",".join(row.get(column, "") for column in HEADER.split(","))


def report(*lines):
    return "\n".join((HEADER, *lines, "")).encode()


@pytest.mark.parametrize(
    ("column", "swallowed", "newline"),
    [
        ("CVE", 1, "\n"),
        ("Risk", 2, "\n"),
        ("Name", 5, "\n"),
        ("Synopsis", 1, "\r\n"),
        ("Description", 2, "\r\n"),
        ("See Also", 5, "\r\n"),
        ("Plugin Output", 1, "\n"),
    ],
)
def test_a_quote_that_is_closed_by_a_later_one_is_refused(run_import, query, column, swallowed, newline):
    lines = [line(n) for n in range(swallowed + 3)]
    value = {"Risk": "High", "Name": "x"}.get(column, "x")
    lines[1] = line(1, **{column: f'"{value}'})
    lines[1 + swallowed] = line(1 + swallowed, **{column: f'{value}"'})
    with pytest.raises(FileRefused, match="line 3 is never closed"):
        run_import(report(*lines).replace(b"\n", newline.encode()))
    assert query("SELECT count(*) FROM findings") == [(0,)]


def test_a_quote_closed_in_another_column_is_refused(run_import):
    lines = [line(0), line(1, Synopsis='"x'), line(2), line(3, Solution='x"'), line(4)]
    with pytest.raises(FileRefused, match="never closed"):
        run_import(report(*lines))


def quoted(text):
    return '"' + text.replace('"', '""') + '"'


MANY_LINES = {
    "thousands of lines": "\n".join(f"line {n}: a, b, c" for n in range(3000)),
    "CSV of the same width": "\n".join(",".join(f"cell{n}" for n in range(13)) for _ in range(20)),
    "the header itself": HEADER + "\n" + HEADER,
    "CSV of another width": "id,name,risk\n1,x,High\n2,y,Low",
    "quotes": 'a "quoted"\n"word", and ""two""\n',
    "delimiters only": "," * 12 + "\n" + "," * 12,
    "empty lines": "\n" * 40,
}


def test_a_cell_of_many_lines_is_kept(run_import, figures, query):
    columns = ("Description", "Synopsis", "Plugin Output")
    rows = [
        line(100 * place + number, **{column: quoted(text)})
        for place, column in enumerate(columns)
        for number, text in enumerate(MANY_LINES.values())
    ]
    assert figures(run_import(report(line(701), *rows, line(702)))) == {"inserted": len(rows) + 2}
    stored = query("SELECT coalesce(description, '') FROM definitions WHERE key BETWEEN '1000' AND '1006' ORDER BY key")
    assert stored == [(text.strip(),) for text in MANY_LINES.values()]


def test_a_cell_of_five_megabytes_is_kept(run_import, figures):
    text = "\n".join("x" * 99 for _ in range(52_000))
    assert figures(run_import(report(line(0), line(1, **{"Plugin Output": quoted(text)}), line(2)))) == {"inserted": 3}
