"""What a list shows, as a file: its columns, order, filters and groups; as CSV, JSON, JSON lines or a workbook of Excel.

A cell of a CSV that a spreadsheet would run as a formula begins with an apostrophe (OWASP, "CSV Injection"); in a workbook every text is
written as text.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import date
from functools import partial
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
#: Rows of a piece of the file: to sort whole rows, texts and all, takes memory.
PIECE = 50_000
#: Pieces that are written at the same time, of all exports together.
_AT_ONCE = 2
_may_write = threading.Semaphore(_AT_ONCE)
#: Rows that are taken from the copy at once for a workbook.
_BATCH = 2_000
#: SQL: the numbers of the characters that begin a formula.
_STARTS = ", ".join(str(ord(start)) for start in escaping.FORMULA_STARTS)

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
            (selected, total), *_ = pool.map(partial(_selected, query=query), cursors)
            if kind == "xlsx" and total > SHEET_ROWS:
                raise RequestError(
                    f"A sheet of Excel holds {SHEET_ROWS:,} rows, and {total:,} match: limit the list, or choose CSV."
                )
            if kind == "xlsx":
                writing = _write_workbook(cursor, selected, total, Path(path))
            else:
                writing = _write_text(cursors, pool, selected, total, kind, Path(path))
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


def _selected(cursor: duckdb.DuckDBPyConnection, query: Mapping[str, str]) -> tuple[str, int]:
    """Sort what the list shows, and return SQL for the rows with a ``place`` above ``$low`` up to ``$high``, and how many there are."""
    if query.get("by"):
        statement, values = groups.statement(query)
        cursor.execute(
            f"CREATE TEMPORARY TABLE exported AS SELECT row_number() OVER () AS place, * FROM ({statement})", values
        )
        rows = "SELECT * FROM exported WHERE place > $low AND place <= $high ORDER BY place"
    else:
        limited = where(query)
        ordered = order.requested(query, SORTS, "severity", "f.id").sql if query.get("sort") else "f.id"
        chosen = [COLUMNS[name] for name in _columns(query)]
        columns = ", ".join(f'{column.exported or column.sql} AS "{column.name}"' for column in chosen)
        cursor.execute(
            f"""
            CREATE TEMPORARY TABLE exported AS
            SELECT row_number() OVER (ORDER BY {ordered}) AS place, f.id AS finding_id
            FROM {findings(limited.sql, ordered)} WHERE {limited.sql}
            """,
            limited.values,
        )
        rows = f"""
            SELECT place, {columns} FROM {findings(columns)} JOIN exported ON finding_id = f.id
            WHERE place > $low AND place <= $high ORDER BY place
        """
    (total,) = cursor.execute("SELECT count(*) FROM exported").fetchone() or (0,)
    return rows, total


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
    cursors: Sequence[duckdb.DuckDBPyConnection],
    pool: Executor,
    selected: str,
    total: int,
    kind: str,
    path: Path,
) -> Generator[int]:
    """Write a CSV, JSON or JSON lines piece by piece, each cursor one at a time; how many rows are written so far."""
    cells = _readable(cursors[0], selected) if kind == "csv" else f"SELECT * EXCLUDE (place) FROM ({selected})"
    idle: SimpleQueue[duckdb.DuckDBPyConnection] = SimpleQueue()
    for each in cursors:
        idle.put(each)

    def write(low: int) -> Path:
        part = path.with_name(f"{path.name}.{low}")
        escaped = str(part).replace("'", "''")
        options = f"FORMAT csv, HEADER {low == 0}" if kind == "csv" else "FORMAT json"
        cursor = idle.get()
        try:
            with _may_write:
                cursor.execute(f"COPY ({cells}) TO '{escaped}' ({options})", {"low": low, "high": low + PIECE})
        finally:
            idle.put(cursor)
        return part

    lows = range(0, max(1, total), PIECE)
    pieces = [pool.submit(write, low) for low in lows]
    try:
        with path.open("wb") as file:
            for low, piece in zip(lows, pieces, strict=True):
                part = piece.result()
                _append(part, file, is_array=kind == "json", is_first=low == 0)
                part.unlink()
                yield min(total, low + PIECE)
            if kind == "json":
                file.write(b"\n]\n" if total else b"]\n")
    finally:
        for piece in pieces:
            piece.cancel()  # what has not begun when the writing is ended


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


def _readable(cursor: duckdb.DuckDBPyConnection, selected: str) -> str:
    """The same with cells as a CSV has them: lists separated by blanks, and no text that a spreadsheet would run."""
    cells = []
    for name, kind, *_ in cursor.execute(f"DESCRIBE {selected}", {"low": 0, "high": 0}).fetchall()[1:]:
        cell = f"""array_to_string("{name}", ' ')""" if kind.endswith("[]") else f'"{name}"'
        if kind.startswith("VARCHAR"):
            cell = f"CASE WHEN unicode({cell}) IN ({_STARTS}) THEN '''' || {cell} ELSE {cell} END"
        cells.append(f'{cell} AS "{name}"')
    return f"SELECT {', '.join(cells)} FROM ({selected})"


def _write_workbook(cursor: duckdb.DuckDBPyConnection, selected: str, total: int, path: Path) -> Generator[int]:
    """Write a workbook with one sheet; how many rows are written so far."""
    import xlsxwriter  # it takes a tenth of a second, and few ask for it

    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "tmpdir": str(path.parent),
    }
    with xlsxwriter.Workbook(str(path), options) as workbook:
        sheet, day = workbook.add_worksheet("HexTrackr"), workbook.add_format({"num_format": "yyyy-mm-dd"})
        for low in range(0, max(1, total), PIECE):
            result = cursor.execute(selected, {"low": low, "high": low + PIECE})
            if low == 0:
                names = [column[0] for column in result.description or ()][1:]
                sheet.write_row(0, 0, names, workbook.add_format({"bold": True}))
                sheet.freeze_panes(1, 0)
                sheet.autofilter(0, 0, max(1, total), len(names) - 1)
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
