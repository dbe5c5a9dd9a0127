"""Finds cells that hold rows: a quote that was never meant to open a cell swallows what follows, up to the next quote.

Where that quote closes at a place where cells end, the file is still valid CSV, and rows are gone without a trace. Such a cell
differs from plugin output of many lines, even from output that holds CSV itself, in that it fits: put back on both sides of it, its
first line completes the row that it stands in, its last line begins the row that the rest belongs to, and those rows, or the lines
between, have what this scanner's rows have, at its places: a host, a plugin, one of its severities, a port.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from hextrackr.errors import FileRefused

from . import line_numbers
from .csv_database import CsvDatabase
from .formats.format import Recognised
from .mapping import quoted

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


def refuse(database: CsvDatabase, recognised: Recognised) -> None:
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
            line = line_numbers.of_records(database.path, dialect, {ordinal}).get(ordinal, 0)
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
