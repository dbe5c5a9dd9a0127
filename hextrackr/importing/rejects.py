"""The rows of a file that are not taken over: not valid CSV, or without what a finding needs."""

from __future__ import annotations

from dataclasses import dataclass

from hextrackr.errors import FileRefused

from . import lines
from .csvdatabase import MAX_LINE_BYTES, CsvDatabase
from .formats.format import Recognised
from .mapping import FAULTS, KEY_LENGTH

#: How much of a rejected value is kept, in characters.
VALUE_LENGTH = 500


@dataclass(frozen=True)
class RejectedRow:
    """A row that is not taken over: ``line`` in the file, ``column`` as the file calls it, ``value`` as it stood there."""

    line: int
    column: str
    value: str
    reason: str


def collect(database: CsvDatabase, recognised: Recognised) -> list[RejectedRow]:
    """Find the rejected rows once the table ``rows`` is filled, in the order of the file.

    :raises FileRefused: a quote that is never closed has swallowed rows.
    """
    malformed = _malformed(database)
    faulty = database.run("SELECT rowid, fault, fault_value FROM rows WHERE fault >= 0 ORDER BY rowid").fetchall()
    places = lines.of_records(
        database.path, database.dialect, {ordinal for ordinal, _, _ in faulty}, {row.line for row in malformed}
    )
    rejected = malformed + [
        RejectedRow(places.get(ordinal, 0), _column(database, recognised, number), value or "", FAULTS[number].reason)
        for ordinal, number, value in faulty
    ]
    return sorted(rejected, key=lambda row: row.line)


def _malformed(database: CsvDatabase) -> list[RejectedRow]:
    errors = database.run("""
        SELECT line_byte_position, first(error_type ORDER BY column_idx), first(error_message ORDER BY column_idx),
               first(csv_line)
        FROM reject_errors GROUP BY line_byte_position ORDER BY 1
    """).fetchall()
    places = lines.of_offsets(database.path, [row[0] - 1 for row in errors])
    rejected = []
    for offset, kind, message, text in errors:
        line = places[offset - 1]
        if str(kind) == "UNQUOTED VALUE" and "\n" in text.strip():
            raise FileRefused(
                f"A quote that opens on line {line} is never closed, so the rows after it cannot be told apart."
            )
        rejected.append(RejectedRow(line, "", text[:VALUE_LENGTH], _plain(str(kind), message)))
    return rejected


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
        case "INVALID ENCODING":
            return "The row is not valid text in the file's encoding."
        case "LINE SIZE OVER MAXIMUM":
            return f"The row is longer than {MAX_LINE_BYTES // 1024**2} MB."
        case _:
            return "The row is not valid CSV."
