"""The rows of a file that hold no finding: not valid CSV (see :mod:`.damage`), faulty, blank, or swallowed by a stray quote.

A bad row is data: it becomes a reject with its line, its column and a reason. A file whose rows cannot be told apart is refused.
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

# Finds the line on which a record stands, as an editor counts lines.


#: No limit: a cell may hold several MB.
csv.field_size_limit(2**31 - 1)


def lines_of_records(path: Path, dialect: Dialect, ordinals: Collection[int]) -> dict[int, int]:
    """Find lines by ordinals.

    :param path: the file, in UTF-8.
    :param ordinals: numbers of the wanted records, from 0, empty lines not counted.
    :return: the line of each wanted record, from 1.
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


# Finds lines that are too long to be read, at almost no cost.


#: So much is looked at of a stretch, from its end on, until a line end is found.
LOOKED_AT_BYTES = 16 * 1024
#: Lines are read whole. No export has longer ones, and they would not fit into memory.
LONGEST_LINE_BYTES = 64 * 1024 * 1024


def refuse_overlong_lines(path: Path) -> None:
    """Look for a line that is too long to be read at all.

    :raises FileRefused: there is one.
    """
    if has_longer_line(path, LONGEST_LINE_BYTES):
        raise FileRefused(f"A line of this file is longer than {LONGEST_LINE_BYTES // 1024 // 1024} MB.")


def has_longer_line(path: Path, length: int) -> bool:
    """Whether a line of a file is longer than ``length`` bytes: looks at a few bytes of each such stretch only."""
    size = path.stat().st_size
    # Mapped into memory, these bytes would count as the process's own, and many around them.
    with path.open("rb", buffering=0) as stream:
        begin = 0
        while begin + length < size:
            line_end = _last_line_end(stream, begin, begin + length + 1)
            if line_end is None:
                return True
            begin = line_end + 1
    return False


def _last_line_end(stream: BinaryIO, begin: int, end: int) -> int | None:
    """Where the last line ends between two places, of which the second is not looked at."""
    while end > begin:
        first = max(begin, end - LOOKED_AT_BYTES)
        stream.seek(first)
        some = stream.read(end - first)
        found = max(some.rfind(b"\n"), some.rfind(b"\r"))
        if found >= 0:
            return first + found
        end = first
    return None


# Finds cells that hold rows: a quote that was never meant to open a cell swallows what follows, up to the next quote.
#
# Where that quote closes at a place where cells end, the file is still valid CSV, and rows are gone without a trace. Such a cell
# differs from plugin output of many lines, even from output that holds CSV itself, in that it fits: put back on both sides of it, its
# first line completes the row that it stands in, its last line begins the row that the rest belongs to, and those rows, or the lines
# between, have what this scanner's rows have, at its places: a host, a plugin, one of its severities, a port.


_LOOKED_AT = 500


def spans_lines(places: Collection[int]) -> str:
    """Condition: one of these columns holds several lines, which is where to look further."""
    return " OR ".join(f"contains(c{place}, E'\\n')" for place in places) or "FALSE"


def fits(places: Collection[int], width: int, delimiter: str) -> str:
    """Condition: one of these columns holds lines that could be put back on both of its sides."""
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
    """Look at every cell of the file.

    :raises FileRefused: one of them has swallowed rows.
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
    """What to tell the user."""
    return f"A quote that opens on line {line} is never closed, so the rows after it cannot be told apart."


def is_row(cells: Sequence[str], recognised: Recognised) -> bool:
    """Whether cells are what this scanner's row is: as many as the header has, with host, plugin, severity and port in their places."""

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


# Separates the rows that hold no finding, once the table ``rows`` is filled: faulty ones and blank ones.
#
# Few files have any, so only then the file is read again, in its order: a row is known by its ordinal, which leads to its line.


#: How much of a faulty value is kept, in characters.
VALUE_LENGTH = 500

_NAMELESS_HOSTS = f"SELECT code FROM asset_texts WHERE {NAMELESS}"
_INCOMPLETE = f"""
    severity IS NULL OR state IS NULL OR port IS NULL OR protocol IS NULL OR definition_key IS NULL OR asset_code IN ({_NAMELESS_HOSTS})
"""


def separate_faulty(database: CsvDatabase, mapping: Mapping) -> None:
    """Take these rows out of ``rows``; ``faults`` holds their ``ordinal`` (from 0), ``fault``, ``value`` and whether they are ``suspect``.

    ``fault`` is an index into :data:`.mapping.FAULTS`, or :data:`.mapping.BLANK`. The other columns say of which finding such a row is,
    as far as it can be read.
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
    """How many rows are blank."""
    return int(database.one(f"SELECT count(*) FROM faults WHERE fault = {BLANK}")[0])


def has_suspect(database: CsvDatabase) -> bool:
    """Whether one of these rows may have swallowed others."""
    return bool(database.one("SELECT bool_or(suspect) IS TRUE FROM faults")[0])


def _find_faulty(database: CsvDatabase, mapping: Mapping) -> None:
    faults = " ".join(f"WHEN {fault.condition} THEN {number}" for number, fault in enumerate(FAULTS))
    values = " ".join(f"WHEN {fault.condition} THEN left({fault.value}, {VALUE_LENGTH})" for fault in FAULTS)
    said = ", ".join(f"{expression} AS {name}" for name, expression in {**mapping.asset(), **mapping.finding()}.items())
    database.run(f"""
        INSERT INTO faults
        SELECT ordinal, CASE WHEN {mapping.blank()} THEN {BLANK} {faults} END AS fault, CASE {values} END, FALSE,
               asset_code, definition_key, port, protocol
        FROM (SELECT ordinal, asset_code, {said}
              FROM (SELECT row_number() OVER () - 1 AS ordinal, {mapping.code(HOST_FIELDS)} AS asset_code,
                           {mapping.cells((*HOST_FIELDS, *ROW_FIELDS))}
                    FROM {database.source()}))
        WHERE fault IS NOT NULL
    """)


def _mark_blank(database: CsvDatabase) -> None:
    """Of the rows that name no host, find those without any text."""
    if not database.one("SELECT count(*) FROM faults WHERE fault = 0")[0]:
        return
    cells = ", ".join(f"c{index}" for index in range(len(database.dialect.header)))
    database.run(f"""
        UPDATE faults SET fault = {BLANK}
        FROM (SELECT row_number() OVER () - 1 AS ordinal, trim(concat({cells}), {BLANKS}) = '' AS blank
              FROM {database.source()}) texts
        WHERE texts.ordinal = faults.ordinal AND texts.blank AND fault = 0
    """)


# The rows of a file that are not taken over: not valid CSV, see :mod:`.damage`, or without what a finding needs.


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


def collect_rejects(database: CsvDatabase, recognised: Recognised, bad: list[Malformed]) -> list[RejectedRow]:
    """Find the rejected rows once :mod:`.row_errors` has separated them: the first :data:`MAX_REJECTS`, in the order of the file.

    :param bad: the malformed ones.
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
    """Whether a text is made of words, without a mark that could stand between cells."""
    text = text.strip()
    return not any(mark in text for mark in ",;\t|") and (" " in text or ":" in text)


def _column_of(database: CsvDatabase, recognised: Recognised, fault: int) -> str:
    """What the file calls the column in which a faulty field should stand."""
    field = FAULTS[fault].field
    places = recognised.places[field]
    return database.dialect.header[places[0]].strip()[:NAME] if places else field


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
