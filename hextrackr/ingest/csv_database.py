"""One file in DuckDB: the connection with its limits, the progress of reading, and the translation of DuckDB's errors."""

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

# The bytes that this process has read, as the system counts them: DuckDB's own figure misses up to half of a file with long rows.


_READ_COUNTS = Path("/proc/self/io")
_left_out = 0


def leave_out(count: int) -> None:
    """Subtract bytes that were read by other code than DuckDB."""
    global _left_out
    _left_out += count


def read_bytes() -> int | None:
    """The bytes that this process has read so far, without those left out; None if the system does not report it.

    https://man7.org/linux/man-pages/man5/proc_pid_io.5.html
    """
    try:
        name, count = _READ_COUNTS.read_text().splitlines()[0].split()
    except (OSError, ValueError, IndexError):
        return None
    return int(count) - _left_out if name == "rchar:" and count.isdecimal() else None


# The connection.


#: The maximum length of a row in bytes; DuckDB has a few buffers of this size in memory.
MAX_LINE_BYTES = 8 * 1024 * 1024
#: The file is read in blocks of this size. Two blocks of DuckDB's own size, sixteen of the longest lines, would exceed the memory limit;
#: and with small blocks the speed is measured sooner.
BUFFER_BYTES = MAX_LINE_BYTES
LEAST_BUFFER_BYTES = 256 * 1024
#: Below this size planning a statement takes longer than running it: one thread is enough.
SMALL_BYTES = 4 * 1024 * 1024
THREADS = 2


class IrregularCsv(FileRefused):
    """The file breaks the rules of CSV in a way that cannot be assigned to rows, such as two kinds of line ends."""

    detail = "The rows of this file do not follow its header line as CSV."


class NotUtf8(IrregularCsv):
    """The file is not UTF-8 somewhere after the sample."""

    detail = "The file is not valid text in its encoding."


class CsvDatabase:
    """A DuckDB database in memory, with the file as a table whose columns are ``c0``, ``c1``, ...

    :param path: the file, in UTF-8 (see :mod:`.dialect`).
    :param spill: folder for data that does not fit into ``memory_limit``.
    :param parallel: read several blocks of the file at once, for which DuckDB has to guess where rows begin.
    :ivar size: the size of the file in bytes.
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
            # Looking for common subexpressions in the long statements takes longer than reading a small file.
            "disabled_optimizers": quoted("common_subexpressions" if small else ""),
            # Without a progress bar, even one that is not printed, DuckDB does not measure the progress of a statement.
            "enable_progress_bar": True,
            "enable_progress_bar_print": False,
            "progress_bar_time": 0,
        }
        self._connection.execute("; ".join(f"SET {name} = {value}" for name, value in settings.items()))

    def close(self) -> None:
        """Free the memory and the temporary files."""
        self._connection.close()

    def source(self) -> str:
        """The file as a table function: every cell as text. A statement fails at a row that is not valid CSV, see :mod:`.damage`."""
        # The buffer is allocated in full, so a small file gets a small one.
        buffer = min(BUFFER_BYTES, max(self.size + 1, LEAST_BUFFER_BYTES))
        columns = ", ".join(f"'c{index}': 'VARCHAR'" for index in range(len(self.dialect.header)))
        return (
            f"read_csv({quoted(str(self.path))}, delim={quoted(self.dialect.delimiter)}, quote='\"', escape='\"', "
            f"header=false, skip={self.dialect.rows_above + 1}, columns={{{columns}}}, auto_detect=false, "
            f"strict_mode=true, max_line_size={buffer}, buffer_size={buffer}, parallel={self._parallel})"
        )

    def branch(self) -> CsvDatabase:
        """The same database for another thread."""
        branch = copy.copy(self)
        branch._connection = self._connection.cursor()
        return branch

    def interrupt(self) -> None:
        """Interrupt the statement that another thread executes."""
        self._connection.interrupt()

    def progress(self) -> float:
        """The progress, 0..1, of the statement that another thread executes, if it reads the file; 0 if it cannot be measured."""
        before, now = self._read_before, read_bytes()
        if before is not None and now is not None:
            return _done(now - before, self.size)
        try:
            return max(0.0, self._connection.query_progress() / 100)
        except duckdb.Error:
            return 0.0

    def run(self, statement: str, *, keep_order: bool = True) -> None:
        """Execute a statement without a result.

        :param keep_order: the rows of a new table are in the order of their source. Without it, threads share the work and need less
            memory.
        :raises IrregularCsv: the file does not follow its dialect.
        :raises FileRefused: the file is gone.
        :raises OutOfMemory: over the limit.
        :raises DiskFull: no space to spill.
        """
        with _explained():
            if not self._small:  # with one thread the order is preserved anyway
                self._connection.execute(f"SET preserve_insertion_order = {keep_order}")
            self._read_before = read_bytes()
            self._connection.execute(statement)

    def fill(self, table: str, names: Sequence[str], rows: Sequence[tuple[str | None, ...]]) -> None:
        """Create a table of texts from rows."""
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
        """Execute a statement with one row as its result, and return that row."""
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
    """The share of a file that is parsed, 0..1, after ``read`` bytes: each thread has, on average, half of its block left to parse."""
    return min(1.0, max(0.0, (read - (THREADS / 2 + 1) * BUFFER_BYTES) / size))


@contextmanager
def _explained() -> Iterator[None]:
    """Turn errors of DuckDB into errors of ours."""
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise (DiskFull() if _is_disk_full(error) else OutOfMemory()) from error
    except MemoryError as error:
        raise OutOfMemory from error
    except duckdb.IOException as error:
        raise (
            DiskFull() if _is_disk_full(error) else FileRefused("The uploaded file no longer exists on the server.")
        ) from error
    except (duckdb.InterruptException, duckdb.NotImplementedException) as error:
        # Interrupted because the count of rows has found the file irregular, or its blocks do not fit together.
        raise IrregularCsv from error
    except (duckdb.InvalidInputException, duckdb.ConversionException) as error:
        raise (NotUtf8() if "Invalid unicode" in str(error) else IrregularCsv()) from error


def _is_disk_full(error: duckdb.Error) -> bool:
    """Whether data that did not fit into memory did not fit on the disk either; DuckDB checks the free space beforehand."""
    return "No space left" in str(error) or "max_temp_directory_size" in str(error)
