"""The rows of a file that are not taken over: not valid CSV, or without what a finding needs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hextrackr.errors import FileRefused

from . import lines, overlong, swallowed
from .csvdatabase import BUFFER_BYTES, MAX_LINE_BYTES, CsvDatabase, NotUtf8
from .faults import VALUE_LENGTH
from .formats.format import Recognised
from .mapping import FAULTS, KEY_LENGTH

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
    """What is no row of the table: ``offset`` in bytes, ``kind`` and ``message`` as DuckDB has them."""

    offset: int
    line: int
    text: str
    kind: str
    message: str


def malformed(database: CsvDatabase, recognised: Recognised) -> list[Malformed]:
    """Find what is not valid CSV once the file was read, in the order of the file.

    :raises FileRefused: a quote that is never closed has swallowed rows.
    :raises NotUtf8: the file is not, throughout.
    """
    path = database.path
    long = overlong.find(path, database.dialect, BUFFER_BYTES)
    # DuckDB counts the empty lines before a malformed one as part of it.
    errors = database.all("""
        SELECT line_byte_position - 1 + length(text) - length(ltrim(text, chr(13) || chr(10))), place, kind, message, text
        FROM (SELECT line_byte_position, first(error_type ORDER BY column_idx) AS kind, first(error_message ORDER BY column_idx) AS message,
                     first(csv_line) AS text, min(byte_position) - 1 AS place
              FROM reject_errors GROUP BY line_byte_position)
        ORDER BY line_byte_position
    """)
    # Of a row that is longer than its buffer DuckDB tells nothing, or another row's place.
    errors = [error for error in errors if not any(row.begin <= place < row.end for row in long for place in error[:2])]
    lines_of = lines.of_offsets(path, [begin for begin, *_ in errors])
    found = [
        Malformed(begin, lines_of[begin], text.strip("\r\n") or _line_at(path, begin), str(kind), message)
        for begin, _, kind, message, text in errors
    ]
    found += [Malformed(row.begin, row.line, _start_of(path, row), "LINE SIZE OVER MAXIMUM", "") for row in long]
    for row in found:
        if row.kind == "INVALID ENCODING":
            raise NotUtf8
        if _swallows(row, database, recognised):
            raise FileRefused(swallowed.unbalanced(row.line))
    return sorted(found, key=lambda row: row.offset)


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
            if before.endswith(b"\n\n") or is_empty(row.text) or all(_is_prose(rest.text) for rest in block[place:]):
                return block[place:]
    return []


def is_empty(text: str) -> bool:
    """Whether a line has no more than quotes: some programs write an empty line so."""
    return not text.strip('" \t\r\n')


def collect(database: CsvDatabase, recognised: Recognised, bad: list[Malformed]) -> list[RejectedRow]:
    """Find the rejected rows once :mod:`.faults` has separated them, in the order of the file.

    :param bad: the malformed ones.
    """
    faulty = database.all("SELECT ordinal, fault, value FROM faults WHERE fault >= 0 ORDER BY ordinal")
    places = lines.of_records(
        database.path, database.dialect, {ordinal for ordinal, _, _ in faulty}, {row.line for row in bad}
    )
    rejected = [
        RejectedRow(row.line, "", row.text[:VALUE_LENGTH], _plain(row.kind, row.message))
        for row in bad
        if not is_empty(row.text)
    ]
    rejected += [
        RejectedRow(places.get(ordinal, 0), _column(database, recognised, number), value or "", FAULTS[number].reason)
        for ordinal, number, value in faulty
    ]
    return sorted(rejected, key=lambda row: row.line)


def _swallows(row: Malformed, database: CsvDatabase, recognised: Recognised) -> bool:
    """Whether a malformed row has taken others with it."""
    first, *rest = row.text.splitlines() or [""]
    if row.kind == "UNQUOTED VALUE" and first.count('"') % 2:
        return True  # it is open where the line ends, and nobody can say where the next row begins
    width, delimiter = len(database.dialect.header), database.dialect.delimiter
    cells = (line.split(delimiter) for line in rest)
    return any(len(line) == width and swallowed.is_row(line, recognised) for line in cells)


def _line_at(path: Path, offset: int) -> str:
    """The line at an offset, for the errors of which DuckDB does not tell the text."""
    with path.open("rb") as stream:
        stream.seek(offset)
        return stream.readline(MAX_LINE_BYTES).decode(errors="replace").rstrip("\r\n")


def _start_of(path: Path, row: overlong.OverlongRow) -> str:
    """As much of a row as one may be long."""
    with path.open("rb") as stream:
        stream.seek(row.begin)
        return stream.read(min(row.end - row.begin, MAX_LINE_BYTES)).decode(errors="replace").rstrip("\r\n")


def _is_prose(text: str) -> bool:
    text = text.strip()
    return not any(mark in text for mark in ",;\t|") and (" " in text or ":" in text)


def _column(database: CsvDatabase, recognised: Recognised, fault: int) -> str:
    """What the file calls the column in which a faulty field should stand."""
    field = FAULTS[fault].field
    places = recognised.places[field]
    return database.dialect.header[places[0]].strip()[:KEY_LENGTH] if places else field


def _plain(kind: str, message: str) -> str:
    """A reject's reason in plain words."""
    match kind:
        case "MISSING COLUMNS" | "TOO MANY COLUMNS":
            return message.replace(
                "Expected Number of Columns:", "The row has another number of cells than the header:"
            ).replace(" Found:", " expected, found")
        case "UNQUOTED VALUE":
            return "A quote stands in the wrong place."
        case "LINE SIZE OVER MAXIMUM":
            return f"The row is longer than {MAX_LINE_BYTES // 1024**2} MB."
        case _:
            return "The row is not valid CSV."
