"""The rows of a file that are not taken over: not valid CSV, see :mod:`.damage`, or without what a finding needs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from . import line_numbers
from .csv_database import MAX_LINE_BYTES, CsvDatabase
from .faulty_rows import VALUE_LENGTH
from .formats.format import Recognised
from .mapping import FAULTS, KEY_LENGTH

#: Never keep more rejects than a person can look at; the count stays exact.
MAX_REJECTS = 10_000
#: How many bytes of empty lines there may be behind each line of a footer.
_FOOTER_GAP = 1024


@dataclass(frozen=True)
class RejectedRow:
    """A row that is not taken over: ``line`` in the file, ``column`` as the file calls it, ``value`` as it stood there."""

    line: int
    column: str
    value: str
    reason: str


@dataclass(frozen=True)
class Malformed:
    """What is no row of the table: ``offset`` in bytes, the beginning of its ``text``, ``kind`` as DuckDB calls it, how many ``cells``."""

    offset: int
    line: int
    text: str
    kind: str
    cells: int


def footer(path: Path, width: int, found: list[Malformed]) -> list[Malformed]:
    """Of the malformed lines those that end the file and are no rows: short ones, after an empty line or in prose."""
    end, taken = path.stat().st_size, 0
    with path.open("rb") as stream:
        for row in reversed(found):
            stream.seek(row.offset)
            if end - row.offset > len(row.text.encode()) + _FOOTER_GAP:
                break
            if row.kind != "MISSING COLUMNS" or stream.read(end - row.offset).strip() != row.text.strip().encode():
                break
            if row.text.count(",") + row.text.count(";") + row.text.count("\t") >= width // 2:
                break
            end, taken = row.offset, taken + 1
        block = found[len(found) - taken :]
        for place, row in enumerate(block):
            stream.seek(max(0, row.offset - 4))
            before = stream.read(min(4, row.offset)).replace(b"\r", b"")
            if before.endswith(b"\n\n") or is_empty(row.text) or all(is_prose(rest.text) for rest in block[place:]):
                return block[place:]
    return []


def is_empty(text: str) -> bool:
    """Whether a line has no more than quotes: some programs write an empty line so."""
    return not text.strip('" \t\r\n\x1a\0')


def collect(database: CsvDatabase, recognised: Recognised, bad: list[Malformed]) -> list[RejectedRow]:
    """Find the rejected rows once :mod:`.faulty_rows` has separated them: the first :data:`MAX_REJECTS`, in the order of the file.

    :param bad: the malformed ones.
    """
    faulty = database.all(
        f"SELECT ordinal, fault, value FROM faults WHERE fault >= 0 ORDER BY ordinal LIMIT {MAX_REJECTS}"
    )
    places = line_numbers.of_records(database.path, database.dialect, {ordinal for ordinal, _, _ in faulty})
    width = len(database.dialect.header)
    rejected = [RejectedRow(row.line, "", row.text[:VALUE_LENGTH], _plain(row, width)) for row in bad]
    rejected += [
        RejectedRow(places.get(ordinal, 0), _column(database, recognised, number), value or "", FAULTS[number].reason)
        for ordinal, number, value in faulty
    ]
    return sorted(rejected, key=lambda row: row.line)[:MAX_REJECTS]


def is_prose(text: str) -> bool:
    """Whether a text is made of words, without a mark that could stand between cells."""
    text = text.strip()
    return not any(mark in text for mark in ",;\t|") and (" " in text or ":" in text)


def _column(database: CsvDatabase, recognised: Recognised, fault: int) -> str:
    """What the file calls the column in which a faulty field should stand."""
    field = FAULTS[fault].field
    places = recognised.places[field]
    return database.dialect.header[places[0]].strip()[:KEY_LENGTH] if places else field


def _plain(row: Malformed, width: int) -> str:
    """A reject's reason in plain words.

    :param width: how many cells the header has.
    """
    match row.kind:
        case "MISSING COLUMNS" | "TOO MANY COLUMNS":
            return f"The row has another number of cells than the header: {width} expected, found {row.cells}."
        case "UNQUOTED VALUE":
            return "A quote stands in the wrong place."
        case "LINE SIZE OVER MAXIMUM":
            return f"The row is longer than {MAX_LINE_BYTES // 1024**2} MB."
        case _:
            return "The row is not valid CSV."
