"""Turn exceptions of the libraries into ours."""

from __future__ import annotations

import errno
import sqlite3

from hextrackr.errors import DatabaseBusy, DatabaseUnavailable, DiskFull, HexTrackrError, OutOfMemory, QueryTooSlow

#: SQLite's primary result codes.
_SQLITE: dict[int, type[HexTrackrError]] = {
    **dict.fromkeys((sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED), DatabaseBusy),
    sqlite3.SQLITE_INTERRUPT: QueryTooSlow,
    sqlite3.SQLITE_FULL: DiskFull,
    sqlite3.SQLITE_NOMEM: OutOfMemory,
    **dict.fromkeys((sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT), DatabaseUnavailable),
    **dict.fromkeys((sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR), DatabaseUnavailable),
}
_SYSTEM: dict[int, type[HexTrackrError]] = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), DiskFull),
    errno.ENOMEM: OutOfMemory,
}
#: PostgreSQL's SQLSTATEs, or the first two characters of many.
_POSTGRESQL: dict[str, type[HexTrackrError]] = {
    "53100": DiskFull,
    "53200": OutOfMemory,
    **dict.fromkeys(("53300", "55P03", "57014", "40"), DatabaseBusy),
    **dict.fromkeys(("08", "25006", "28", "3D", "42501", "57", "58", "XX"), DatabaseUnavailable),
}


def error_from_exception(error: BaseException) -> HexTrackrError:
    """Find the documented error for anything that was raised; the cause stays chained for the log."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, HexTrackrError):
            return cause
        if kind := _kind(cause):
            return kind()
        cause = cause.__cause__ or cause.__context__
    return HexTrackrError()


def _kind(cause: BaseException) -> type[HexTrackrError] | None:
    if isinstance(cause, sqlite3.Error):
        return _SQLITE.get(getattr(cause, "sqlite_errorcode", 0) & 0xFF)
    if isinstance(cause, OSError):
        return _SYSTEM.get(cause.errno or 0)
    if (type(cause).__module__, type(cause).__name__) == ("sqlalchemy.exc", "TimeoutError"):
        return DatabaseBusy  # every connection was in use for too long
    if type(cause).__module__.partition(".")[0] == "psycopg":
        # A connection that is refused, or cut, comes without an SQLSTATE.
        lost = any(kind.__name__ in ("OperationalError", "InterfaceError") for kind in type(cause).__mro__)
        state = getattr(cause, "sqlstate", None) or ("08" if lost else "")
        if state == "57014" and "statement timeout" in str(cause):
            return QueryTooSlow
        return _POSTGRESQL.get(state, _POSTGRESQL.get(state[:2]))
    no_thread = isinstance(cause, RuntimeError) and str(cause) == "can't start new thread"
    return OutOfMemory if no_thread or isinstance(cause, MemoryError) else None
