"""Bring the copy up to the current state of the record, in one transaction: queries meanwhile see the version before.

If only imports and undos have changed the record since, only the findings that they changed are copied: those that an import added, and
those in its undo log. All other tables are small and copied whole.
"""

from __future__ import annotations

from contextlib import suppress

import duckdb

from . import machines, schema
from .copy import Copy, state_of
from .record import Record, Snapshot, State
from .schema import EVIDENCE, FINDING, FINDING_CHANGE, Table

#: The maximum length of a row in bytes; DuckDB reads in blocks of that size.
_MAX_LINE_BYTES = 8 * 1024 * 1024

# SQL of the record; ``imports`` are ids.

_ADDED = """
    SELECT f.id FROM imports i JOIN findings f ON f.id BETWEEN i.first_finding AND i.last_finding AND f.opened_by = i.id
    WHERE i.id IN ({imports})
"""
_CHANGED = f"""
    {_ADDED}
    UNION SELECT finding_id FROM undo_findings WHERE import_id IN ({{imports}})
    UNION SELECT finding_id FROM undo_evidence WHERE import_id IN ({{imports}})
"""
_CHANGED_FINDINGS = f"id IN ({_CHANGED})"
_CHANGES = f"import_id IN ({{imports}}) OR finding_id IN ({_ADDED})"
_CHANGED_EVIDENCE = f"id IN (SELECT evidence_id FROM findings WHERE id IN ({_CHANGED}))"

# SQL of the copy. The findings that an undone import had added are deleted, with their changes.

_DROP_CHANGES = """
    DELETE FROM finding_change
    WHERE import_id IN ({imports}) OR finding_id IN (SELECT id FROM finding WHERE opened_by IN ({imports}))
"""
_DROP_FINDINGS = "DELETE FROM finding WHERE opened_by IN ({imports}) OR id IN (SELECT id FROM changed)"
_DROP_EVIDENCE = "DELETE FROM evidence WHERE id IN (SELECT id FROM changed)"


def refresh(copy: Copy, record: Record) -> State:
    """Bring the copy up to the record's current state, and return that state."""
    cursor = copy.connection.cursor()
    cursor.begin()
    try:
        with record.snapshot() as snapshot:
            now: State = snapshot.state()
            before = state_of(cursor)
            if now != before:
                imports = _imports_between(snapshot, before, now)
                if imports is None:
                    _copy_whole(cursor, copy, snapshot)
                else:
                    _copy_changes(cursor, copy, snapshot, imports)
                cursor.execute(schema.DERIVED)
                machines.join(cursor, copy.scratch)
                cursor.execute("DELETE FROM copy_state")
                cursor.execute("INSERT INTO copy_state VALUES (?, ?, ?)", list(now))
        cursor.commit()
    except BaseException:
        with suppress(duckdb.Error):
            cursor.rollback()
        raise
    finally:
        cursor.close()
    return now


def _imports_between(snapshot: Snapshot, before: State | None, now: State) -> set[int] | None:
    """The imports whose promotion or undo are the only changes of the record; None if there are others, or the log does not say."""
    if before is None or before.revision != now.revision or before.version > now.version:
        return None
    changes = snapshot.changes_since(before.version)
    if not changes or changes[0][:2] != before[:2]:  # too long ago, or another record
        return None
    imports = {change.import_id for change in changes[1:]}
    return None if None in imports else {number for number in imports if number is not None}


def _copy_whole(cursor: duckdb.DuckDBPyConnection, copy: Copy, snapshot: Snapshot) -> None:
    for table in schema.TABLES:
        _replace(cursor, copy, snapshot, table)


def _copy_changes(cursor: duckdb.DuckDBPyConnection, copy: Copy, snapshot: Snapshot, imports: set[int]) -> None:
    for table in schema.SMALL:
        _replace(cursor, copy, snapshot, table)
    if not imports:
        return
    numbers = ", ".join(map(str, sorted(imports)))
    for table, condition, drop in (
        (FINDING_CHANGE, _CHANGES, _DROP_CHANGES),  # first: its query needs the findings that are deleted below
        (EVIDENCE, _CHANGED_EVIDENCE, _DROP_EVIDENCE),
        (FINDING, _CHANGED_FINDINGS, _DROP_FINDINGS),
    ):
        cursor.execute(schema.create_table(table, "changed").replace("CREATE", "CREATE TEMPORARY", 1))
        _load(cursor, copy, snapshot, table, "changed", condition.format(imports=numbers))
        cursor.execute(drop.format(imports=numbers))
        cursor.execute(f'INSERT INTO "{table.name}" FROM changed')
        cursor.execute("DROP TABLE changed")


def _replace(cursor: duckdb.DuckDBPyConnection, copy: Copy, snapshot: Snapshot, table: Table) -> None:
    cursor.execute(schema.create_table(table).replace("CREATE", "CREATE OR REPLACE", 1))
    _load(cursor, copy, snapshot, table, table.name)


def _load(
    cursor: duckdb.DuckDBPyConnection, copy: Copy, snapshot: Snapshot, table: Table, into: str, condition: str = ""
) -> None:
    """Load rows of the record into a table of the copy."""
    file = copy.scratch / f"{table.name}.csv"
    types = ", ".join(f"'{column.name}': '{column.type}'" for column in table.columns)
    load = f"""
        INSERT INTO "{into}" FROM read_csv(
            ?, columns = {{{types}}}, auto_detect = FALSE, header = FALSE, delim = ',', quote = '"', escape = '"', new_line = '\\n',
            nullstr = '', allow_quoted_nulls = FALSE, max_line_size = {_MAX_LINE_BYTES}, buffer_size = {_MAX_LINE_BYTES})
    """
    try:
        for _ in snapshot.pieces(table, condition, file):
            cursor.execute(load, [str(file)])
    finally:
        file.unlink(missing_ok=True)
