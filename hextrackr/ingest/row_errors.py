"""Rows of a file without a finding: not valid CSV (see :mod:`.damage`), faulty, blank, or swallowed by a stray quote.

A bad row is data: it becomes a reject with its line, its column and a reason. A file whose rows cannot be separated is refused.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from hextrackr.domain.fields import NAME
from hextrackr.errors import FileRefused

from .csv_database import MAX_LINE_BYTES, CsvDatabase
from .dialect import Dialect
from .formats.format import HOST_FIELDS, Recognised
from .mapping import BLANK, BLANKS, FAULTS, NAMELESS, ROW_FIELDS, Mapping, quoted

# Line numbers of rows, as an editor counts lines.


#: No limit: a cell may have several MB.
csv.field_size_limit(2**31 - 1)


def lines_of_records(path: Path, dialect: Dialect, ordinals: Collection[int]) -> dict[int, int]:
    """Find the line numbers of rows.

    :param path: the file, in UTF-8.
    :param ordinals: numbers of the wanted rows, from 0, without empty lines.
    :return: the line of each wanted row, from 1.
    """
    if not ordinals:
        return {}
    found: dict[int, int] = {}
    last = max(ordinals)
    with path.open(encoding="utf-8", errors="replace", newline="") as stream:
        for _ in range(dialect.data_line - 1):
            stream.readline()
        reader = csv.reader(stream, delimiter=dialect.delimiter)
        ordinal, line = 0, dialect.data_line
        for row in reader:
            if row:
                if ordinal in ordinals:
                    found[ordinal] = line
                if ordinal == last:
                    break
                ordinal += 1
            line = dialect.data_line + reader.line_num
    return found


# A fast check for lines that are too long to be read.


#: Bytes that are read at a time, backwards, to find a line end.
LOOKED_AT_BYTES = 16 * 1024
#: The maximum length of a line, as lines are read whole. No export has longer ones.
LONGEST_LINE_BYTES = 64 * 1024 * 1024


def refuse_overlong_lines(path: Path) -> None:
    """Check that no line is too long to be read.

    :raises FileRefused: there is one.
    """
    if has_longer_line(path, LONGEST_LINE_BYTES):
        raise FileRefused(f"A line of this file is longer than {LONGEST_LINE_BYTES // 1024 // 1024} MB.")


def has_longer_line(path: Path, length: int) -> bool:
    """Whether a line of a file is longer than ``length`` bytes; reads only a few bytes in each ``length`` bytes."""
    size = path.stat().st_size
    # Not mapped into memory, as that would count as memory of the process.
    with path.open("rb", buffering=0) as stream:
        begin = 0
        while begin + length < size:
            line_end = _last_line_end(stream, begin, begin + length + 1)
            if line_end is None:
                return True
            begin = line_end + 1
    return False


def _last_line_end(stream: BinaryIO, begin: int, end: int) -> int | None:
    """The place of the last line end from ``begin`` to before ``end``, or None."""
    while end > begin:
        first = max(begin, end - LOOKED_AT_BYTES)
        stream.seek(first)
        some = stream.read(end - first)
        found = max(some.rfind(b"\n"), some.rfind(b"\r"))
        if found >= 0:
            return first + found
        end = first
    return None


# Cells that contain rows: a stray quote opens a cell that swallows the following rows, up to the next quote.
#
# If the next quote is at the end of a cell, the file is still valid CSV, and the rows would be lost silently. Such a cell differs from
# plugin output of many lines, even from output that contains CSV itself, in that it fits: its first line completes the row before it, its
# last line begins the row after it, and these rows, or the lines between, have the fields of this scanner's rows in their places: a host, a
# plugin, one of its severities, a port.


_LOOKED_AT = 500


def spans_lines(places: Collection[int]) -> str:
    """Condition: one of these columns has several lines, so it may contain rows."""
    return " OR ".join(f"contains(c{place}, E'\\n')" for place in places) or "FALSE"


def fits(places: Collection[int], width: int, delimiter: str) -> str:
    """Condition: one of these columns has lines that complete the cells before and after it to rows."""
    mark = "\\" + delimiter if delimiter == "|" else delimiter
    cell = rf"[^\n{mark}]*"

    def shape(place: int) -> str:
        first, last = width - 1 - place, place
        return rf"^{cell}(?:{mark}{cell}){{{first}}}\n(?s:.*\n)?{cell}(?:{mark}{cell}){{{last}}}$"

    return (
        " OR ".join(
            f"(contains(c{place}, E'\\n') AND regexp_matches(c{place}, {quoted(shape(place))}))" for place in places
        )
        or "FALSE"
    )


def refuse_swallowed_rows(database: CsvDatabase, recognised: Recognised) -> None:
    """Check every cell of the file for rows.

    :raises FileRefused: a cell contains some.
    """
    dialect = database.dialect
    width = len(dialect.header)
    found = database.all(f"""
        SELECT * FROM (SELECT row_number() OVER () - 1, * FROM {database.source()})
        WHERE {fits(range(width), width, dialect.delimiter)} LIMIT {_LOOKED_AT}
    """)
    for ordinal, *cells in found:
        row = [cell or "" for cell in cells]
        if any(_holds_rows(row, place, dialect.delimiter, recognised) for place in range(width)):
            line = lines_of_records(database.path, dialect, {ordinal}).get(ordinal, 0)
            raise FileRefused(unbalanced(line))


def unbalanced(line: int) -> str:
    """The message about a quote that is never closed."""
    return f"A quote that opens on line {line} is never closed, so the rows after it cannot be read."


def is_row(cells: Sequence[str], recognised: Recognised) -> bool:
    """Whether cells are a row of this scanner, with host, plugin, severity and port in their places."""

    def first(*fields: str) -> str:
        texts = (cells[place].strip().strip('"') for field in fields for place in recognised.places[field])
        return next((text for text in texts if text), "")

    port = first("port")
    return (
        first("severity").casefold() in recognised.format.severities
        and bool(first("asset_id", "fqdn", "netbios", "ip", "host", "name"))
        and bool(first("plugin_id", "cves", "title"))
        and (not port or port[0].isdigit())
    )


def _holds_rows(row: Sequence[str], place: int, delimiter: str, recognised: Recognised) -> bool:
    if "\n" not in row[place]:
        return False
    inner = [line.rstrip("\r").split(delimiter) for line in row[place].split("\n")]
    before, after = [*row[:place], *inner[0]], [*inner[-1], *row[place + 1 :]]
    if not len(before) == len(after) == len(row):
        return False
    between = any(len(line) == len(row) and is_row(line, recognised) for line in inner[1:-1])
    return between or (is_row(before, recognised) and is_row(after, recognised))


# Faulty and blank rows, which are removed from the table ``rows`` once it is filled.
#
# Few files have any. Only then the file is read again, in its order, for the ordinals of these rows, which lead to their lines.


#: Characters of a faulty value that are stored.
VALUE_LENGTH = 500

_NAMELESS_HOSTS = f"SELECT code FROM asset_texts WHERE {NAMELESS}"
_INCOMPLETE = f"""
    severity IS NULL OR state IS NULL OR port IS NULL OR protocol IS NULL OR definition_key IS NULL OR asset_code IN ({_NAMELESS_HOSTS})
"""


def separate_faulty(database: CsvDatabase, mapping: Mapping) -> None:
    """Move these rows from ``rows`` to ``faults``, with ``ordinal`` (from 0), ``fault``, ``value`` and whether they are ``suspect``.

    ``fault`` is an index into :data:`.mapping.FAULTS`, or :data:`.mapping.BLANK`. The other columns identify the finding of such a row, as
    far as it can be read.
    """
    database.run("""
        CREATE TABLE faults (ordinal BIGINT, fault INTEGER, value VARCHAR, suspect BOOLEAN,
                             asset_code UBIGINT, definition_key VARCHAR, port INTEGER, protocol VARCHAR)
    """)
    if not database.one(f"SELECT EXISTS (FROM rows WHERE {_INCOMPLETE})")[0]:
        return
    _find_faulty(database, mapping)
    _mark_blank(database)
    (suspect,) = database.one(f"SELECT bool_or(suspect) IS TRUE FROM rows WHERE {_INCOMPLETE}")
    database.run(f"UPDATE faults SET suspect = {suspect}")
    database.run(f"DELETE FROM rows WHERE {_INCOMPLETE}")


def count_blank(database: CsvDatabase) -> int:
    """Count the blank rows."""
    return int(database.one(f"SELECT count(*) FROM faults WHERE fault = {BLANK}")[0])


def has_suspect(database: CsvDatabase) -> bool:
    """Whether one of these rows may contain others."""
    return bool(database.one("SELECT bool_or(suspect) IS TRUE FROM faults")[0])


def _find_faulty(database: CsvDatabase, mapping: Mapping) -> None:
    faults = " ".join(f"WHEN {fault.condition} THEN {number}" for number, fault in enumerate(FAULTS))
    values = " ".join(f"WHEN {fault.condition} THEN left({fault.value}, {VALUE_LENGTH})" for fault in FAULTS)
    read = ", ".join(f"{expression} AS {name}" for name, expression in {**mapping.asset(), **mapping.finding()}.items())
    database.run(f"""
        INSERT INTO faults
        SELECT ordinal, CASE WHEN {mapping.blank()} THEN {BLANK} {faults} END AS fault, CASE {values} END, FALSE,
               asset_code, definition_key, port, protocol
        FROM (SELECT ordinal, asset_code, {read}
              FROM (SELECT row_number() OVER () - 1 AS ordinal, {mapping.code(HOST_FIELDS)} AS asset_code,
                           {mapping.cells((*HOST_FIELDS, *ROW_FIELDS))}
                    FROM {database.source()}))
        WHERE fault IS NOT NULL
    """)


def _mark_blank(database: CsvDatabase) -> None:
    """Mark the rows without any text as blank, among those that name no host."""
    if not database.one("SELECT count(*) FROM faults WHERE fault = 0")[0]:
        return
    cells = ", ".join(f"c{index}" for index in range(len(database.dialect.header)))
    database.run(f"""
        UPDATE faults SET fault = {BLANK}
        FROM (SELECT row_number() OVER () - 1 AS ordinal, trim(concat({cells}), {BLANKS}) = '' AS blank
              FROM {database.source()}) texts
        WHERE texts.ordinal = faults.ordinal AND texts.blank AND fault = 0
    """)


# Rejects: rows that are not valid CSV, see :mod:`.damage`, or lack the fields that a finding needs.


#: The number of rejects that are stored, as nobody looks at more; the count is exact.
MAX_REJECTS = 10_000
#: Bytes of empty lines that may follow each line of a footer.
_FOOTER_GAP = 1024


@dataclass(frozen=True)
class RejectedRow:
    """A row that is not imported: its ``line`` in the file, the name of the ``column``, and the ``value`` there."""

    line: int
    column: str
    value: str
    reason: str


@dataclass(frozen=True)
class Malformed:
    """A malformed row: its ``offset`` in bytes, the beginning of its ``text``, DuckDB's ``kind`` of error, its number of ``cells``."""

    offset: int
    line: int
    text: str
    kind: str
    cells: int


def footer(path: Path, width: int, found: list[Malformed]) -> list[Malformed]:
    """The malformed lines at the end of the file that are not rows: short ones, after an empty line or in prose."""
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
    """Whether a line is empty, or has only quotes: some programs write empty lines in that way."""
    return not text.strip('" \t\r\n\x1a\0')


def collect_rejects(database: CsvDatabase, recognised: Recognised, bad: list[Malformed]) -> list[RejectedRow]:
    """Collect the rejected rows after :func:`separate_faulty`: the first :data:`MAX_REJECTS`, in the order of the file.

    :param bad: the malformed rows.
    """
    faulty = database.all(
        f"SELECT ordinal, fault, value FROM faults WHERE fault >= 0 ORDER BY ordinal LIMIT {MAX_REJECTS}"
    )
    places = lines_of_records(database.path, database.dialect, {ordinal for ordinal, _, _ in faulty})
    width = len(database.dialect.header)
    rejected = [RejectedRow(row.line, "", row.text[:VALUE_LENGTH], _plain(row, width)) for row in bad]
    rejected += [
        RejectedRow(
            places.get(ordinal, 0), _column_of(database, recognised, number), value or "", FAULTS[number].reason
        )
        for ordinal, number, value in faulty
    ]
    return sorted(rejected, key=lambda row: row.line)[:MAX_REJECTS]


def is_prose(text: str) -> bool:
    """Whether a text consists of words, without a character that could be a delimiter."""
    text = text.strip()
    return not any(mark in text for mark in ",;\t|") and (" " in text or ":" in text)


def _column_of(database: CsvDatabase, recognised: Recognised, fault: int) -> str:
    """The name in the file of the column of a faulty field."""
    field = FAULTS[fault].field
    places = recognised.places[field]
    return database.dialect.header[places[0]].strip()[:NAME] if places else field


def _plain(row: Malformed, width: int) -> str:
    """The reason of a reject, in a sentence.

    :param width: the number of cells of the header.
    """
    match row.kind:
        case "MISSING COLUMNS" | "TOO MANY COLUMNS":
            return f"The row has {row.cells} cells, but the header has {width}."
        case "UNQUOTED VALUE":
            return "A quote stands in the wrong place."
        case "LINE SIZE OVER MAXIMUM":
            return f"The row is longer than {MAX_LINE_BYTES // 1024**2} MB."
        case _:
            return "The row is not valid CSV."
