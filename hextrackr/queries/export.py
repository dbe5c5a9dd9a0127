"""What a list shows, as a file: its columns, order, filters and groups; as CSV, JSON, JSON lines or a workbook of Excel.

A cell of a CSV that a spreadsheet would run as a formula begins with an apostrophe (OWASP, "CSV Injection"); in a workbook every text is
written as text.
"""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from itertools import groupby
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, BinaryIO

from hextrackr import escaping
from hextrackr.errors import Interrupted, RequestError
from hextrackr.readmodel.questions import long_question, question

from . import groups, order
from .columns import COLUMNS
from .filters import findings, where
from .findings import SORTS

if TYPE_CHECKING:
    import duckdb

KINDS = ("csv", "json", "jsonl", "xlsx")
#: Rows of a sheet below its header, https://support.microsoft.com/office/excel-specifications-and-limits
SHEET_ROWS = 1_048_575
#: Characters of a cell there.
_CELL = 32_767
#: Bytes of a piece of a text, and rows of one of a workbook: to sort whole rows takes memory.
PIECE_BYTES, PIECE_ROWS = 25_000_000, 50_000
#: Rows by which the length of a line is estimated.
_SAMPLE = 1_000
#: Pieces that are written at the same time, of all exports together.
_AT_ONCE = 2
_may_write = threading.Semaphore(_AT_ONCE)
#: Rows that are taken from the copy at once for a workbook.
_BATCH = 2_000
#: SQL: ``cell(text)`` is a text as a CSV has it: one that a spreadsheet would run begins with an apostrophe.
_MACROS = f"""
    CREATE TEMPORARY MACRO neutral(text) AS
    CASE WHEN unicode(text) IN ({", ".join(str(ord(start)) for start in escaping.FORMULA_STARTS)}) THEN concat('''', text) ELSE text END;
    CREATE TEMPORARY MACRO cell(text) AS
    CASE WHEN contains(text, ',') OR contains(text, '"') OR contains(text, chr(10)) OR contains(text, chr(13))
         THEN concat('"', replace(neutral(text), '"', '""'), '"') ELSE neutral(text) END
"""
#: Alias of a table whose rows belong to many findings -> the table, and the column of the finding that refers to it.
_SHARED = {
    "h": ("host", "host_id"),
    "d": ("definition", "definition_id"),
    "s": ("source", "source_id"),
    "w": ("sighting", "sighting_id"),
}
#: Options of COPY for lines that are formatted already.
_UNCHANGED = "FORMAT csv, HEADER FALSE, QUOTE '', ESCAPE '', DELIMITER '\n'"

_ENDED = "The export was stopped, as nobody waits for it any more."

#: How much of the exports that are being written is done, 0..1, by their ids.
_shares: dict[str, float] = {}


@long_question
def export(cursor: duckdb.DuckDBPyConnection, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Write a file.

    :param parameters: ``path``, where to, in a folder that has nothing else; ``kind``, one of :data:`KINDS`; ``id``, by which
        :func:`export_share` knows it; and ``query``, the query string of the list: beside filters and order ``columns`` (names, separated
        by commas), ``evidence`` (``true``) and ``by``.
    :return: ``rows``, how many it has.
    :raises Interrupted: it was ended by :func:`end_export`.
    :raises RequestError: the query asks for something that does not exist, or for more rows than a sheet has.
    """
    query, kind, path, number = (parameters[name] for name in ("query", "kind", "path", "id"))
    _shares[number] = 0.0
    try:
        with (
            _cursors(cursor, 1 if kind == "xlsx" else _AT_ONCE) as cursors,
            ThreadPoolExecutor(len(cursors), "export") as pool,
        ):
            selected, *_ = pool.map(partial(_selected, query=query), cursors)
            total = selected.total
            if kind == "xlsx":
                writing = _write_workbook(cursor, selected, Path(path))
            else:
                writing = _write_text(cursors, pool, selected, kind, Path(path))
            with closing(writing):
                for written in writing:
                    if number not in _shares:
                        raise Interrupted(_ENDED)
                    _shares[number] = written / total if total else 1.0
    finally:
        _shares.pop(number, None)
    return {"rows": total}


@question
def export_share(_cursor: duckdb.DuckDBPyConnection, parameters: Mapping[str, Any]) -> float | None:
    """Answer how much of an export is written, 0..1; None if it is not being written."""
    return _shares.get(parameters["id"])


@question
def end_export(_cursor: duckdb.DuckDBPyConnection, parameters: Mapping[str, Any]) -> None:
    """Stop writing an export, which nobody waits for any more, after the rows that are being written."""
    _shares.pop(parameters["id"], None)


@dataclass(frozen=True)
class _Selected:
    """What the list shows. The temporary table ``exported`` numbers its rows as ``place``.

    :ivar columns: name -> SQL for the value.
    :ivar total: the number of rows.
    """

    columns: dict[str, str]
    total: int
    is_grouped: bool

    def source(self, *parts: str) -> str:
        """Return the FROM clause for these parts of a statement."""
        return "exported" if self.is_grouped else f"{findings(*parts)} JOIN exported ON finding_id = f.id"


def _selected(cursor: duckdb.DuckDBPyConnection, query: Mapping[str, str]) -> _Selected:
    """Sort what the list shows."""
    is_grouped = bool(query.get("by"))
    if is_grouped:
        statement, values = groups.statement(query)
        cursor.execute(
            f"CREATE TEMPORARY TABLE exported AS SELECT row_number() OVER () AS place, * FROM ({statement})", values
        )
        columns = {name: f'"{name}"' for name, *_ in cursor.execute("DESCRIBE exported").fetchall() if name != "place"}
    else:
        limited = where(query)
        ordered = order.requested(query, SORTS, "severity", "f.id").sql if query.get("sort") else "f.id"
        columns = {name: COLUMNS[name].exported or COLUMNS[name].sql for name in _columns(query)}
        cursor.execute(
            f"""
            CREATE TEMPORARY TABLE exported AS
            SELECT row_number() OVER (ORDER BY {ordered}) AS place, f.id AS finding_id
            FROM {findings(limited.sql, ordered)} WHERE {limited.sql}
            """,
            limited.values,
        )
    (total,) = cursor.execute("SELECT count(*) FROM exported").fetchone() or (0,)
    return _Selected(columns, total, is_grouped)


def _columns(query: Mapping[str, str]) -> list[str]:
    named = [name.strip() for name in query.get("columns", "").split(",") if name.strip()]
    if unknown := sorted(set(named) - COLUMNS.keys()):
        raise RequestError(f"columns must be some of {', '.join(COLUMNS)}; {unknown[0][:50]} is none.")
    chosen = named or [column.name for column in COLUMNS.values() if not column.on_request]
    return list(dict.fromkeys([*chosen, *(["evidence"] if query.get("evidence") == "true" else [])]))


@contextmanager
def _cursors(cursor: duckdb.DuckDBPyConnection, count: int) -> Iterator[list[duckdb.DuckDBPyConnection]]:
    """Yield this many cursors that see the same version of the record, this one among them."""
    cursors = [cursor, *(cursor.cursor() for _ in range(count - 1))]
    try:
        for other in cursors[1:]:
            other.begin()
        while len({each.execute("FROM copy_state").fetchone() for each in cursors}) > 1:
            for each in cursors:  # the copy was refreshed between two of them
                each.rollback()
                each.begin()
        yield cursors
    finally:
        for other in cursors[1:]:
            other.close()


def _write_text(
    cursors: Sequence[duckdb.DuckDBPyConnection], pool: Executor, selected: _Selected, kind: str, path: Path
) -> Generator[int]:
    """Write a CSV, JSON or JSON lines piece by piece, each cursor one at a time; how many rows are written so far."""
    lines, *_ = pool.map(partial(_csv_lines if kind == "csv" else _json_lines, selected=selected), cursors)
    size = _piece(cursors[0], lines)
    idle: SimpleQueue[duckdb.DuckDBPyConnection] = SimpleQueue()
    for each in cursors:
        idle.put(each)

    def write(low: int) -> Path:
        part = path.with_name(f"{path.name}.{low}")
        escaped = str(part).replace("'", "''")
        piece = f"SELECT line FROM ({lines} WHERE place > $low AND place <= $high) ORDER BY place"
        cursor = idle.get()
        try:
            with _may_write:
                cursor.execute(f"COPY ({piece}) TO '{escaped}' ({_UNCHANGED})", {"low": low, "high": low + size})
        finally:
            idle.put(cursor)
        return part

    lows = range(0, max(1, selected.total), size)
    pieces = [pool.submit(write, low) for low in lows]
    try:
        with path.open("wb") as file:
            if kind == "csv":
                file.write(f"{','.join(selected.columns)}\n".encode())
            for low, piece in zip(lows, pieces, strict=True):
                part = piece.result()
                _append(part, file, is_array=kind == "json", is_first=low == 0)
                part.unlink()
                yield min(selected.total, low + size)
            if kind == "json":
                file.write(b"\n]\n" if selected.total else b"]\n")
    finally:
        for piece in pieces:
            piece.cancel()  # what has not begun when the writing is ended


def _csv_lines(cursor: duckdb.DuckDBPyConnection, selected: _Selected) -> str:
    """Return SQL for the ``place`` and the ``line`` of each row of a CSV.

    Neighbouring columns of a host or a vulnerability are formatted once in a temporary table, and not for each of its findings.
    """
    cursor.execute(_MACROS)
    named = {name: f'{sql} AS "{name}"' for name, sql in selected.columns.items()}
    columns = ", ".join(named.values())
    described = cursor.execute(f"DESCRIBE SELECT {columns} FROM {selected.source(columns)}").fetchall()
    kinds = {name: kind for name, kind, *_ in described}
    values: list[str] = []
    cells: list[str] = []
    shared: dict[str, list[str]] = {}
    for alias, run in groupby(selected.columns, lambda name: _shared_table(selected.columns[name])):
        names = list(run)
        if alias:
            text = f"{alias}_text{len(values)}"
            formatted = _joined(_cell(selected.columns[name], kinds[name]) for name in names)
            shared.setdefault(alias, []).append(f"{formatted} AS {text}")
            values.append(text)
            cells.append(text)
        else:
            values += [named[name] for name in names]
            cells += [_cell(f'"{name}"', kinds[name]) for name in names]
    source = selected.source(*values)
    for alias, texts in shared.items():
        table, reference = _SHARED[alias]
        cursor.execute(
            f"CREATE TEMPORARY TABLE csv_{table} AS SELECT {alias}.id AS {table}, {', '.join(texts)} FROM {table} {alias}"
        )
        source += f" JOIN csv_{table} ON {table} = f.{reference}"
    return f"SELECT place, {_joined(cells)} AS line FROM (SELECT place, {', '.join(values)} FROM {source})"


def _shared_table(sql: str) -> str:
    """Return the alias of :data:`_SHARED` whose columns alone this SQL uses; empty if there is none."""
    aliases = set(re.findall(r"\b([a-z])\.", sql))
    return aliases.pop() if len(aliases) == 1 and aliases <= _SHARED.keys() else ""


def _cell(sql: str, kind: str) -> str:
    """Return SQL for a value of this type as a cell of a CSV; lists are separated by blanks."""
    if kind.endswith("[]"):
        return f"cell(array_to_string({sql}, ' '))"
    return f"cell({sql})" if kind == "VARCHAR" else sql


def _joined(cells: Iterable[str]) -> str:
    """Return SQL for cells separated by commas; NULL is an empty cell."""
    return f"""concat({", ',', ".join(cells)})"""


def _json_lines(_cursor: duckdb.DuckDBPyConnection, selected: _Selected) -> str:
    """Return SQL for the ``place`` and the ``line`` of each row, an object of JSON."""
    members = ", ".join(f"'{name}': {sql}" for name, sql in selected.columns.items())
    return f"SELECT place, to_json({{{members}}}) AS line FROM {selected.source(members)}"


def _piece(cursor: duckdb.DuckDBPyConnection, lines: str) -> int:
    """Return how many rows of these lines a piece has."""
    sample = f"SELECT avg(strlen(line)) FROM ({lines} WHERE place <= {_SAMPLE})"
    (length,) = cursor.execute(sample).fetchone() or (None,)
    return max(1, int(PIECE_BYTES / (length or 1)))


def _append(part: Path, file: BinaryIO, *, is_array: bool, is_first: bool) -> None:
    """Append a piece to a file; in an array each line is an element."""
    with part.open("rb") as lines:
        if not is_array:
            shutil.copyfileobj(lines, file)
            return
        if is_first:
            file.write(b"[\n")
        for number, line in enumerate(lines):
            file.write((b"" if is_first and number == 0 else b",\n") + line.rstrip(b"\n"))


def _write_workbook(cursor: duckdb.DuckDBPyConnection, selected: _Selected, path: Path) -> Generator[int]:
    """Write a workbook with one sheet; how many rows are written so far.

    :raises RequestError: a sheet does not hold so many rows.
    """
    import xlsxwriter  # it takes a tenth of a second, and few ask for it

    total, columns = selected.total, ", ".join(selected.columns.values())
    if total > SHEET_ROWS:
        raise RequestError(
            f"A sheet of Excel holds {SHEET_ROWS:,} rows, and {total:,} match: limit the list, or choose CSV."
        )
    rows = f"""
        SELECT place, {columns} FROM {selected.source(columns)}
        WHERE place > $low AND place <= $high ORDER BY place
    """
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "tmpdir": str(path.parent),
    }
    with xlsxwriter.Workbook(str(path), options) as workbook:
        sheet, day = workbook.add_worksheet("HexTrackr"), workbook.add_format({"num_format": "yyyy-mm-dd"})
        sheet.write_row(0, 0, list(selected.columns), workbook.add_format({"bold": True}))
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, max(1, total), len(selected.columns) - 1)
        for low in range(0, total, PIECE_ROWS):
            result = cursor.execute(rows, {"low": low, "high": low + PIECE_ROWS})
            while batch := result.fetchmany(_BATCH):
                for row, *values in batch:
                    for column, value in enumerate(values):
                        _write_cell(sheet, row, column, value, day)
                yield batch[-1][0]


def _write_cell(sheet: Any, row: int, column: int, value: Any, day: Any) -> None:
    if isinstance(value, int | float):
        sheet.write_number(row, column, value)
    elif isinstance(value, date):
        sheet.write_datetime(row, column, value, day)
    elif value is not None:
        text = " ".join(value) if isinstance(value, list) else value
        sheet.write_string(row, column, text[:_CELL])
