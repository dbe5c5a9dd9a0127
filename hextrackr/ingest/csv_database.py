"""One file in DuckDB: the connection with its limits, how much of the file has been read, and what its errors mean to the user."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from hextrackr.errors import DiskFull, FileRefused, OutOfMemory

from .dialect import Dialect
from .mapping import quoted

# How much this process has read, as the system counts it: DuckDB's own figure leaves out up to half of what a file with long rows has.


_READ_COUNTS = Path("/proc/self/io")
_left_out = 0


def leave_out(count: int) -> None:
    """Do not count so many bytes, which are read beside DuckDB."""
    global _left_out
    _left_out += count


def read_bytes() -> int | None:
    """The bytes that this process has read so far, but for those left out; None where the system does not tell.

    https://man7.org/linux/man-pages/man5/proc_pid_io.5.html
    """
    try:
        name, count = _READ_COUNTS.read_text().splitlines()[0].split()
    except (OSError, ValueError, IndexError):
        return None
    return int(count) - _left_out if name == "rchar:" and count.isdecimal() else None


# One file in DuckDB: the connection with its limits, and what its errors mean to the user.


#: A row may be this long, in bytes; DuckDB holds a few of these buffers at once.
MAX_LINE_BYTES = 8 * 1024 * 1024
#: The file is read in pieces of this size. DuckDB's own choice, sixteen of the longest lines, does not fit into the memory limit
#: once there are two of them, and the smaller they are the sooner one knows how fast this machine reads.
BUFFER_BYTES = MAX_LINE_BYTES
LEAST_BUFFER_BYTES = 256 * 1024
#: Below this size it is the planning of a statement that takes time, not its execution: one thread is enough.
SMALL_BYTES = 4 * 1024 * 1024
THREADS = 2


class IrregularCsv(FileRefused):
    """The file breaks the rules of CSV in a way that cannot be told row by row, such as two kinds of line ends."""

    detail = "The rows of this file do not follow its header line as CSV."


class NotUtf8(IrregularCsv):
    """Somewhere behind what was looked at, the file is not UTF-8."""

    detail = "The file is not valid text in its encoding."


class CsvDatabase:
    """A DuckDB database in memory, and the file as a table in it whose columns are ``c0``, ``c1``, ...

    :param path: the file, in UTF-8 (see :mod:`.transcode`).
    :param spill: folder for what does not fit into ``memory_limit``.
    :param parallel: several pieces of the file are read at once, for which DuckDB has to guess where rows begin.
    :ivar size: the bytes of the file.
    """

    def __init__(self, path: Path, dialect: Dialect, *, spill: Path, memory_limit: str, parallel: bool = True) -> None:
        self.path = path
        self.dialect = dialect
        self._parallel = parallel
        self._connection = duckdb.connect()
        self.size = path.stat().st_size
        self._read_before: int | None = None
        self._small = small = self.size < SMALL_BYTES
        settings = {
            "memory_limit": quoted(memory_limit),
            "temp_directory": quoted(str(spill)),
            "threads": 1 if small else THREADS,
            # To look for what the long statements have in common takes longer than to read a small file without that.
            "disabled_optimizers": quoted("common_subexpressions" if small else ""),
            # Without a bar that could be printed, DuckDB does not look where a statement stands.
            "enable_progress_bar": True,
            "enable_progress_bar_print": False,
            "progress_bar_time": 0,
        }
        self._connection.execute("; ".join(f"SET {name} = {value}" for name, value in settings.items()))

    def close(self) -> None:
        """Give back the memory and the temporary files."""
        self._connection.close()

    def source(self) -> str:
        """The file as a table function: every cell as text. The statement ends at a row that is not valid CSV, see :mod:`.damage`."""
        # A buffer is taken whole, so a small file gets a small one.
        buffer = min(BUFFER_BYTES, max(self.size + 1, LEAST_BUFFER_BYTES))
        columns = ", ".join(f"'c{index}': 'VARCHAR'" for index in range(len(self.dialect.header)))
        return (
            f"read_csv({quoted(str(self.path))}, delim={quoted(self.dialect.delimiter)}, quote='\"', escape='\"', "
            f"header=false, skip={self.dialect.data_line - 1}, columns={{{columns}}}, auto_detect=false, "
            f"strict_mode=true, max_line_size={buffer}, buffer_size={buffer}, parallel={self._parallel})"
        )

    def branch(self) -> CsvDatabase:
        """The same database for another thread."""
        branch = copy.copy(self)
        branch._connection = self._connection.cursor()
        return branch

    def interrupt(self) -> None:
        """End the statement that another thread executes here."""
        self._connection.interrupt()

    def progress(self) -> float:
        """Where the statement stands that another thread executes here, 0..1, if it reads the file; 0 if that is not known."""
        before, now = self._read_before, read_bytes()
        if before is not None and now is not None:
            return _done(now - before, self.size)
        try:
            return max(0.0, self._connection.query_progress() / 100)
        except duckdb.Error:
            return 0.0

    def run(self, statement: str, *, keep_order: bool = True) -> None:
        """Execute a statement that gives nothing.

        :param keep_order: the rows of a new table stand in the order of what they are made from. Without it, threads share the work
            within little memory.
        :raises IrregularCsv: the file does not follow its dialect.
        :raises FileRefused: the file is gone.
        :raises OutOfMemory: over the limit.
        :raises DiskFull: no space to spill.
        """
        with _explained():
            if not self._small:  # one thread keeps it anyway
                self._connection.execute(f"SET preserve_insertion_order = {keep_order}")
            self._read_before = read_bytes()
            self._connection.execute(statement)

    def fill(self, table: str, names: Sequence[str], rows: Sequence[tuple[str, ...]]) -> None:
        """Make a table of texts from rows of them."""
        columns = ", ".join(f"unnest(CAST(? AS VARCHAR[])) AS {name}" for name in names)
        with _explained():
            self._connection.execute(
                f"CREATE TABLE {table} AS SELECT {columns}", [list(column) for column in zip(*rows, strict=True)]
            )

    def all(self, statement: str) -> list[tuple[Any, ...]]:
        """Execute a statement and return its rows."""
        with _explained():
            return self._connection.execute(statement).fetchall()

    def one(self, statement: str) -> tuple[Any, ...]:
        """Execute a statement that gives one row, and return that."""
        (row,) = self.all(statement)
        return row

    def batches(self, statement: str, size: int) -> Iterator[list[tuple[Any, ...]]]:
        """Execute a statement and yield its rows, ``size`` at a time."""
        with _explained():
            cursor = self._connection.execute(statement)
        while True:
            with _explained():
                batch = cursor.fetchmany(size)
            if not batch:
                return
            yield batch


def _done(read: int, size: int) -> float:
    """How much of a file is parsed, 0..1, once so many bytes are read: of its piece, which is read whole, each thread has half to do."""
    return min(1.0, max(0.0, (read - (THREADS / 2 + 1) * BUFFER_BYTES) / size))


@contextmanager
def _explained() -> Iterator[None]:
    """Raise what DuckDB has to say, while it executes or fetches, as an error of ours."""
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise (DiskFull() if _is_disk_full(error) else OutOfMemory()) from error
    except MemoryError as error:
        raise OutOfMemory from error
    except duckdb.IOException as error:
        raise (DiskFull() if _is_disk_full(error) else FileRefused("The stored file is gone.")) from error
    except (duckdb.InterruptException, duckdb.NotImplementedException) as error:
        # Interrupted because the file has been found to be irregular, or its pieces do not fit together.
        raise IrregularCsv from error
    except (duckdb.InvalidInputException, duckdb.ConversionException) as error:
        raise (NotUtf8() if "Invalid unicode" in str(error) else IrregularCsv()) from error


def _is_disk_full(error: duckdb.Error) -> bool:
    """What did not fit into memory did not fit on the disk either: DuckDB asks beforehand how much is free."""
    return "No space left" in str(error) or "max_temp_directory_size" in str(error)
