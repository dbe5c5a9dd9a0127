"""The file of the copy: opened or created, and rebuilt if another version of the program made it, or if it is damaged.

Each reader has a file of its own, as DuckDB lets only one process open a file: the first of ``copy-0``, ``copy-1``, ... that no other
reader has locked. It is used again by the next process.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
from contextlib import suppress
from pathlib import Path

import duckdb

from . import schema
from .record import State

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
