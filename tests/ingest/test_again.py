"""The same export once more, its rows or columns in another order or one of its columns left out: nothing opens, nothing is resolved.

Where that cannot be told, the import asks, or the file is refused: it is never guessed.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

import pytest

from hextrackr.errors import FileRefused, MissingColumns, UnknownFormat
from hextrackr.ingest import dialect, formats
from tests.support import fixtures

pytestmark = pytest.mark.sqlite("the files are read alike; test_identity.py tries the same rules on both databases")

CHANGES = ("inserted", "resolved", "reopened")
#: What tells which host, vulnerability and finding a row is about, and whether that is open.
DECIDING = (
    "asset_id", "realm", "host", "fqdn", "netbios", "name", "ip", "plugin_id", "title", "cves", "port", "protocol", "severity", "state",
    "fixed_on",
)  # fmt: skip


class Table:
    """An export taken apart, so that it can be written in another way."""

    def __init__(self, content: bytes) -> None:
        found = dialect.detect(content, complete=True, is_header=formats.is_header)
        text = content[found.bom :].decode(found.encoding)
        lines = text.splitlines(keepends=True)
        self._delimiter, self._before = found.delimiter, "".join(lines[: found.header_line - 1])
        rows = csv.reader(io.StringIO("".join(lines[found.header_line - 1 :]), newline=""), delimiter=found.delimiter)
        self.header, *self.rows = [row for row in rows if row]

    def written(self, rows: list[list[str]], places: Sequence[int]) -> bytes:
        """The export with these rows and these of its columns."""
        stream = io.StringIO(newline="")
        writer = csv.writer(stream, delimiter=self._delimiter)
        writer.writerows([row[place] if place < len(row) else "" for place in places] for row in [self.header, *rows])
        return (self._before + stream.getvalue()).encode()


def left_out(table: Table) -> Iterator[set[int]]:
    """Columns that an export may lack: each of the deciding ones alone, and all others that the format can do without together."""
    recognised = formats.recognise(table.header)
    deciding = sorted({place for name in DECIDING for place in recognised.places[name]})

    def rest(places: set[int]) -> list[str]:
        return [name for place, name in enumerate(table.header) if place not in places]

    yield from ({place} for place in deciding if not recognised.format.missing(rest({place})))
    others: set[int] = set()
    for place in range(len(table.header)):
        header = rest(others | {place})
        if place not in deciding and recognised.format.signed(header) and not recognised.format.missing(header):
            others.add(place)
    yield others


def check(run_import, content: bytes) -> None:
    """Import an export, and then everything that says the same."""
    found = dialect.detect(content, complete=True, is_header=formats.is_header)
    if found.wrapped or formats.recognise(found.header).format.backslash_quotes:
        return  # no table that can be written in another way here
    table = Table(content)
    every = range(len(table.header))
    day = {"scan_date": run_import(content).scan_date}

    def changes(again: bytes) -> list[int] | None:
        try:
            record = run_import(again, **day)
        except (FileRefused, MissingColumns, UnknownFormat):
            return None
        return [getattr(record, name) for name in CHANGES] if record.state == "completed" else None

    same = [0, 0, 0]
    assert changes(table.written(table.rows[::-1], every[::-1])) == same
    for places in left_out(table):
        without = changes(table.written(table.rows, [place for place in every if place not in places]))
        # Without the state, what the file called fixed is told as being there.
        assert without is None or without[:2] == same[:2], f"without {[table.header[place] for place in places]}"
        if without not in (None, same):
            run_import(content, **day)


@pytest.mark.system
@pytest.mark.parametrize("path", fixtures.CHOSEN, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_fixture_again(run_import, path):
    check(run_import, path.read_bytes())


@pytest.mark.system
def test_every_real_export_again(run_import, scans, subtests):
    for path in sorted(scans.glob("*/*.csv")):
        if path.parent.name != "hostile":
            with subtests.test(path.name):
                check(run_import, path.read_bytes())
