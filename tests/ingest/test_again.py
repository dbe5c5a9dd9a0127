"""The same export once more, its rows or columns in another order or one of its columns left out: nothing opens, nothing is resolved.

Where that cannot be told, the import asks, or the file is refused: it is never guessed.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from hextrackr.errors import FileRefused, MissingColumns, UnknownFormat
from hextrackr.ingest import dialect, formats

pytestmark = pytest.mark.sqlite("the files are read alike; test_identity.py tries the same rules on both databases")

DATA = Path(__file__).resolve().parents[1] / "data"
FIXTURES = sorted(DATA.glob("*/*.csv"))
CHANGES = ("inserted", "resolved", "reopened")


class Table:
    """An export taken apart, so that it can be written in another way."""

    def __init__(self, content: bytes) -> None:
        found = dialect.detect(content, complete=True, is_header=formats.is_header)
        text = content[found.bom :].decode(found.encoding)
        lines = text.splitlines(keepends=True)
        self._delimiter, self._before = found.delimiter, "".join(lines[: found.header_line - 1])
        rows = csv.reader(io.StringIO("".join(lines[found.header_line - 1 :]), newline=""), delimiter=found.delimiter)
        self.header, *self.rows = [row for row in rows if row]

    def written(self, rows: list[list[str]], places: list[int]) -> bytes:
        """The export with these rows and these of its columns."""
        stream = io.StringIO(newline="")
        writer = csv.writer(stream, delimiter=self._delimiter)
        writer.writerows([row[place] if place < len(row) else "" for place in places] for row in [self.header, *rows])
        return (self._before + stream.getvalue()).encode()


def check(run_import, content: bytes, *, details: bool = True) -> None:
    """Import an export, and then everything that says the same.

    :param details: leave out also the columns that tell nothing of who is who.
    """
    found = dialect.detect(content, complete=True, is_header=formats.is_header)
    if found.wrapped or formats.recognise(found.header).format.backslash_quotes:
        return  # no table that can be written in another way here
    table = Table(content)
    every = list(range(len(table.header)))
    day = {"scan_date": run_import(content).scan_date}

    def changes(again: bytes) -> list[int] | None:
        try:
            record = run_import(again, **day)
        except (FileRefused, MissingColumns, UnknownFormat):
            return None
        return [getattr(record, name) for name in CHANGES] if record.state == "completed" else None

    same = [0, 0, 0]
    assert changes(table.written(table.rows[::-1], every)) == same
    assert changes(table.written(table.rows, every[::-1])) == same
    recognised = formats.recognise(table.header)
    known_format, fields = recognised.format, {place for places in recognised.places.values() for place in places}
    for place in every if details else sorted(fields):
        if known_format.missing(table.header[:place] + table.header[place + 1 :]):
            continue  # no optional column
        without = changes(table.written(table.rows, every[:place] + every[place + 1 :]))
        # Without the state, what the file called fixed is told as being there.
        assert without is None or without[:2] == same[:2], f"without {table.header[place]}"
        if without not in (None, same):
            run_import(content, **day)


@pytest.mark.parametrize("path", FIXTURES, ids=[str(path.relative_to(DATA)) for path in FIXTURES])
def test_a_fixture_again(run_import, path):
    check(run_import, path.read_bytes())


def test_every_real_export_again(run_import, scans, subtests):
    for path in sorted(scans.glob("*/*.csv")):
        if path.parent.name != "hostile":
            with subtests.test(path.name):
                check(run_import, path.read_bytes(), details=False)
