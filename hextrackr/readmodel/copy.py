"""The file of the copy: opened or created, brought up to the current state of the record, rebuilt if it is damaged or of another version.

Each reader has a file of its own, as DuckDB lets only one process open a file: the first of ``copy-0``, ``copy-1``, ... that no other
reader has locked. It is used again by the next process.

It is refreshed in one transaction: queries meanwhile see the version before. If only imports and undos have changed the record since, only
the findings that they changed are copied: those that an import added, and those in its undo log. All other tables are small and copied
whole.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import duckdb

from . import machines, schema
from .record import Piece, Record, Snapshot, State
from .schema import DEFINITION, EVIDENCE, FINDING, FINDING_CHANGE, HOST, Table

log = logging.getLogger(__name__)

#: Limit of readers of one data folder: one for each web process and each running command.
_MOST = 1_000
#: More threads would take the processor from the web process.
THREADS = 2
#: What DuckDB raises if a file is damaged, or the library has an internal error.
DAMAGE = (duckdb.IOException, duckdb.FatalException, duckdb.InternalException, duckdb.SerializationException)


class Copy:
    """A copy of the record that only this process uses.

    :param folder: the folder of the copies.
    :param memory_limit: the memory of DuckDB, such as ``192MB``; what does not fit spills to the disk.
    :ivar connection: the DuckDB connection; each user makes a cursor of it.
    :ivar scratch: a folder for temporary files.
    """

    def __init__(self, folder: Path, memory_limit: str) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock, stem = _taken(folder)
        self._file = folder / f"{stem}-{_program()}.duckdb"
        self.scratch = folder / f"{stem}.scratch"
        self._memory_limit = memory_limit
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir(mode=0o700)
        for other in folder.glob(f"{stem}-*"):
            if not other.name.startswith(self._file.name):
                other.unlink()
        try:
            self.connection = self._opened()
        except duckdb.Error as error:
            log.warning("The copy of the record is damaged and will be rebuilt: %s", type(error).__name__)
            self.remove()
            self.connection = self._opened()

    def state(self) -> State | None:
        """The state of the record in the copy; None if it is empty."""
        return state_of(self.connection.cursor())

    def size(self) -> int:
        """Its size on the disk in bytes."""
        return sum(path.stat().st_size for path in self._paths())

    def remove(self) -> None:
        """Delete the file; the next process rebuilds it."""
        for path in self._paths():
            path.unlink()

    def _paths(self) -> list[Path]:
        return list(self._file.parent.glob(f"{self._file.name}*"))

    def _opened(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(
            str(self._file),
            config={
                "memory_limit": self._memory_limit,
                "temp_directory": str(self.scratch),
                "threads": THREADS,
                "preserve_insertion_order": False,  # preserving it takes memory
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            },
        )
        try:
            cursor = connection.cursor()
            if not _has_tables(cursor):
                _create(cursor)
            state_of(cursor)
        except duckdb.Error:
            connection.close()
            raise
        return connection


def state_of(cursor: duckdb.DuckDBPyConnection) -> State | None:
    """The state of the record that this transaction sees; None if the copy is empty."""
    row = cursor.execute("SELECT version, stamp, revision FROM copy_state").fetchone()
    return None if row is None else State(*row)


def _has_tables(cursor: duckdb.DuckDBPyConnection) -> bool:
    return cursor.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'copy_state'").fetchone() is not None


def _create(cursor: duckdb.DuckDBPyConnection) -> None:
    cursor.begin()
    for table in schema.TABLES:
        cursor.execute(schema.create_table(table))
    cursor.execute(schema.MACHINE)
    cursor.execute(schema.DERIVED)
    cursor.execute(schema.VIEWS)
    cursor.execute(schema.STATE)
    cursor.commit()


def _program() -> str:
    """Identify the tables of the copy and the version of the library that wrote them."""
    return f"{schema.fingerprint()}-{duckdb.__version__}"


def _taken(folder: Path) -> tuple[int, str]:
    """Lock the first copy that is free; return the lock, which the system releases when this process ends, and the copy's name."""
    for number in range(_MOST):
        descriptor = os.open(folder / f"copy-{number}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor, f"copy-{number}"
        os.close(descriptor)
    raise OSError("All copies of the record are in use")


#: Microseconds that a refresh takes, as measured, of which only the proportions matter: for a row of a table, by default
#: :data:`_SMALL_ROW`; to find the ones that an import changed, for each; for a row that takes the place of a former one, and for its
#: commit; for each host and each vulnerability at the end; and in any case.
_ROW = {FINDING.name: 2.3, FINDING_CHANGE.name: 2.5, EVIDENCE.name: 3.0}
_SMALL_ROW = 5.0
_FOUND_ROW = 0.25
_REPLACED_ROW = 0.3
_COMMITTED_ROW = 0.08
_DERIVED_ROW = 4.0
_ALWAYS = 60_000.0

#: Is told the share of a refresh that is done, 0..1.
Tell = Callable[[float], object]


def _nobody(_share: float) -> None:
    """Nobody asks how far the refresh is."""


# SQL of the record; ``imports`` are ids, and all findings that they added are between ``first`` and ``last``. What others added between
# them is copied again: to tell it apart would take longer.

_RANGE = "SELECT min(first_finding), max(last_finding) FROM imports WHERE id IN ({imports})"
_CHANGED_FINDINGS = """
    id BETWEEN {first} AND {last} OR id IN (
        SELECT finding_id FROM undo_findings WHERE import_id IN ({imports})
        UNION ALL SELECT finding_id FROM undo_evidence WHERE import_id IN ({imports}))
"""
_CHANGES = "import_id IN ({imports}) OR finding_id BETWEEN {first} AND {last}"
_COUNTS = (
    "SELECT count(*) FROM findings WHERE id BETWEEN {first} AND {last}",
    "SELECT count(*) FROM undo_findings WHERE import_id IN ({imports})",
    "SELECT count(*) FROM undo_evidence WHERE import_id IN ({imports})",
    "SELECT count(*) FROM finding_changes WHERE import_id IN ({imports})",
)
#: The number of ids in one condition: SQLite takes statements of up to a million bytes.
_IDS = 50_000

# SQL of the copy. The findings that an undone import had added are deleted, with their changes.

_CHANGED_EVIDENCE = "SELECT DISTINCT evidence_id FROM changed WHERE evidence_id > ? ORDER BY evidence_id LIMIT ?"
_DROP_CHANGES = f"DELETE FROM finding_change WHERE {_CHANGES} OR finding_id IN (SELECT id FROM finding WHERE opened_by IN ({{imports}}))"
_DROP_EVIDENCE = "DELETE FROM evidence WHERE id IN (SELECT evidence_id FROM changed)"
_DROP_FINDINGS = "DELETE FROM finding WHERE opened_by IN ({imports}) OR id IN (SELECT id FROM changed)"


def refresh(copy: Copy, record: Record, tell: Tell = _nobody) -> State:
    """Bring the copy up to the record's current state, and return that state.

    :param tell: called whenever some of it is done.
    """
    cursor = copy.connection.cursor()
    cursor.begin()
    try:
        with record.snapshot() as snapshot:
            now: State = snapshot.state()
            before = state_of(cursor)
            if now != before:
                imports = _imports_between(snapshot, before)
                loading = Loading(cursor, copy.scratch, snapshot, tell)
                if imports is None:
                    loading.copy_whole()
                else:
                    loading.copy_changes(imports)
                cursor.execute(schema.DERIVED)
                cursor.execute(schema.RETIRE)
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


def _imports_between(snapshot: Snapshot, before: State | None) -> set[int] | None:
    """The imports whose promotion or undo are the only changes of the record; None if there are others, or the log does not say."""
    if before is None or not snapshot.continues(before):
        return None
    imports = {change.import_id for change in snapshot.changes_since(before.version)[1:]}
    return None if None in imports else {number for number in imports if number is not None}


class Loading:
    """Loads rows of a snapshot into the copy.

    :param cursor: has the transaction.
    :param scratch: a folder for temporary files.
    :param tell: is told how much of the refresh is done.
    """

    def __init__(self, cursor: duckdb.DuckDBPyConnection, scratch: Path, snapshot: Snapshot, tell: Tell) -> None:
        self._cursor = cursor
        self._scratch = scratch
        self._snapshot = snapshot
        self._tell = tell
        self._done = 0.0
        self._expected = 0.0

    def copy_whole(self) -> None:
        """Copy all rows."""
        self._expect({table: self._rows_of(table) for table in schema.TABLES})
        for table in schema.TABLES:
            self._replace(table)

    def copy_changes(self, imports: set[int]) -> None:
        """Copy what these imports, or their undo, have changed."""
        numbers = ", ".join(map(str, sorted(imports)))
        first, last = self._snapshot.row(_RANGE.format(imports=numbers))
        those = {"imports": numbers, "first": first or 0, "last": last or 0}
        added, changed, restated, changes = (self._snapshot.row(count.format(**those))[0] for count in _COUNTS)
        findings = added + max(changed, restated)  # which are often the same
        texts = min(findings, self._rows_of(EVIDENCE)) if findings else 0
        many: dict[Table, int] = {FINDING: findings, FINDING_CHANGE: changes, EVIDENCE: texts}
        searching = (changed + restated) * _FOUND_ROW
        replacing = findings * _REPLACED_ROW + sum(many.values()) * _COMMITTED_ROW
        self._expect({table: self._rows_of(table) for table in schema.SMALL} | many, searching + replacing)
        for table in schema.SMALL:
            self._replace(table)
        self._cursor.execute(schema.create_table(FINDING, "changed").replace("CREATE", "CREATE TEMPORARY", 1))
        self._load(FINDING, "changed", _CHANGED_FINDINGS.format(**those), searching)
        self._cursor.execute(_DROP_CHANGES.format(**those))  # needs the findings that are deleted below
        self._load(FINDING_CHANGE, FINDING_CHANGE.name, _CHANGES.format(**those))
        self._cursor.execute(_DROP_EVIDENCE)
        greatest = 0
        while ids := [number for (number,) in self._cursor.execute(_CHANGED_EVIDENCE, [greatest, _IDS]).fetchall()]:
            self._load(EVIDENCE, EVIDENCE.name, f"id IN ({', '.join(map(str, ids))})")
            greatest = ids[-1]
        self._cursor.execute(_DROP_FINDINGS.format(**those))
        self._cursor.execute(f"INSERT INTO {FINDING.name} FROM changed")
        self._cursor.execute("DROP TABLE changed")
        self._advance(findings * _REPLACED_ROW)

    def _rows_of(self, table: Table) -> int:
        return int(self._snapshot.row(f"SELECT count(*) FROM {table.source}")[0])

    def _expect(self, rows: Mapping[Table, int], besides: float = 0.0) -> None:
        """Plan how long the refresh will take.

        :param rows: how many rows of each table are loaded.
        :param besides: what else takes time, in microseconds.
        """
        loaded = sum(count * _ROW.get(table.name, _SMALL_ROW) for table, count in rows.items())
        derived = (rows[HOST] + rows[DEFINITION]) * _DERIVED_ROW
        self._expected = loaded + derived + besides + _ALWAYS

    def _advance(self, done: float) -> None:
        self._done += done
        self._tell(round(min(1.0, self._done / self._expected), 3))

    def _replace(self, table: Table) -> None:
        self._cursor.execute(schema.create_table(table).replace("CREATE", "CREATE OR REPLACE", 1))
        self._load(table, table.name)

    def _load(self, table: Table, into: str, condition: str = "", until_first: float = 0.0) -> None:
        """Load rows of the record into a table of the copy.

        :param until_first: how long the record takes to find the first ones, in microseconds.
        """
        load = f'INSERT INTO "{into}" {self._snapshot.reading(table)}'
        try:
            with closing(_ahead(self._snapshot.pieces(table, condition, self._scratch))) as pieces:
                for piece in pieces:
                    self._cursor.execute(load, [str(piece.file)])
                    self._advance(piece.rows * _ROW.get(table.name, _SMALL_ROW) + until_first)
                    until_first = 0.0
        finally:
            for file in self._scratch.glob("piece-*"):
                file.unlink()


def _ahead(pieces: Iterator[Piece]) -> Generator[Piece]:
    """Yield each piece while the next one is made in a thread."""
    with ThreadPoolExecutor(1, "pieces") as beside:
        coming = beside.submit(next, pieces, None)
        while (piece := coming.result()) is not None:
            coming = beside.submit(next, pieces, None)
            yield piece
