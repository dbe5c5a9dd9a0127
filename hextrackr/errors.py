"""Our exceptions, each with the ``code`` and the one-sentence message that users see.

::

    HexTrackrError                      500 INTERNAL
    ├── RequestError                    400 BAD_REQUEST
    │   ├── InvalidSessionId            400 INVALID_SESSION_ID
    │   ├── MissingFile                 400 NO_FILE
    │   └── IncompleteUpload            400 INCOMPLETE_UPLOAD
    ├── SignInNeeded                    401 SIGN_IN_NEEDED
    ├── SignInRefused                   401 SIGN_IN_REFUSED
    ├── CrossSite                       403 CROSS_SITE
    ├── NotPermitted                    403 NOT_PERMITTED
    ├── NotFound                        404 NOT_FOUND (UNKNOWN_SESSION, UNKNOWN_IMPORT, UNKNOWN_USER, ...)
    ├── Conflict                        409 CONFLICT (SESSION_IN_USE, ALREADY_FINISHED, NOT_AWAITING, NOT_LATEST,
    │                                            NOT_RETRYABLE, NOT_DELETABLE, NAME_IN_USE, COLUMNS_IN_USE,
    │                                            IMPORTS_UNFINISHED, UPKEEP_BUSY, RECORD_IN_USE, LAST_ADMIN, NO_PASSWORD,
    │                                            SET_UP_DONE, TOO_MANY_TOKENS, LABEL_IN_USE, SOURCES_UNLIKE, SOURCE_RETIRED)
    ├── TooMany                         429 TOO_MANY_REQUESTS (TOO_MANY_SESSIONS, TOO_MANY_UPLOADS, QUEUE_FULL)
    │   └── SignInLocked                429 SIGN_IN_LOCKED
    ├── UploadTooLarge                  413 UPLOAD_TOO_LARGE
    ├── FileRefused                     422 UNREADABLE_CSV
    │   ├── UnknownFormat               422 UNKNOWN_FORMAT
    │   └── MissingColumns              422 MISSING_COLUMNS
    ├── MappingRefused                  422 NOTHING_COMES_OUT
    ├── BackupRefused                   422 NOT_A_BACKUP
    ├── BackupElsewhere                 501 NOT_ON_POSTGRESQL
    ├── Cancelled                       409 CANCELLED
    ├── Interrupted                     500 INTERRUPTED
    ├── DatabaseBusy                    503 SQLITE_BUSY
    ├── DatabaseUnavailable             503 DATABASE_UNAVAILABLE
    ├── QueryTooSlow                    503 QUERY_TOO_SLOW
    ├── ServerStopping                  503 STOPPING
    ├── Maintenance                     503 MAINTENANCE
    ├── DiskFull                        507 DISK_FULL
    └── OutOfMemory                     500 OUT_OF_MEMORY

``detail`` never contains SQL, a path or a stack trace, and quoted text is escaped. :mod:`hextrackr.db.error_mapping` turns exceptions of
the libraries into these; ``web/error_handlers.py`` maps them to HTTP and ``jobs/runner.py`` to ``progress-error``.
"""

from __future__ import annotations

from typing import TypedDict

from .escaping import escape_control_characters

#: The code of a :class:`Conflict`, as only the latest import of a source can be undone.
NOT_LATEST = "NOT_LATEST"


class ErrorRecord(TypedDict):
    """An error as clients receive it."""

    code: str
    detail: str


class HexTrackrError(Exception):
    """The base class of all errors that end a request or an import with a documented code."""

    status = 500
    code = "INTERNAL"
    detail = "An unexpected error occurred; see the server's log."

    def __init__(self, detail: str | None = None, code: str | None = None) -> None:
        self.detail = detail or self.detail
        self.code = code or self.code
        super().__init__(self.detail)

    def record(self) -> ErrorRecord:
        """Return the error as clients receive it, in HTTP responses and in ``progress-error``."""
        return {"code": self.code, "detail": escape_control_characters(self.detail)}


class RequestError(HexTrackrError):
    """The request is not valid."""

    status, code, detail = 400, "BAD_REQUEST", "The request is not valid."


class InvalidSessionId(RequestError):
    """A value is not a session id."""

    code = "INVALID_SESSION_ID"
    detail = "A session id must be a UUID, or 8 to 64 letters, digits, underscores and hyphens."


class MissingFile(RequestError):
    """The upload contains no file."""

    code, detail = "NO_FILE", "The form field csvFile has no file."


class IncompleteUpload(RequestError):
    """The body is shorter than its Content-Length."""

    code, detail = "INCOMPLETE_UPLOAD", "The upload ended before the file was complete."


class SignInNeeded(HexTrackrError):
    """Nobody is signed in, or the login has ended."""

    status, code, detail = 401, "SIGN_IN_NEEDED", "You are not signed in, or your login has ended; please sign in."


class SignInRefused(HexTrackrError):
    """The name or the password is wrong, or the user is disabled."""

    status, code, detail = 401, "SIGN_IN_REFUSED", "The name or the password is wrong."


class CrossSite(HexTrackrError):
    """A browser sent the request from a page of another site."""

    status, code, detail = 403, "CROSS_SITE", "This request was refused because it comes from a page of another site."


class NotPermitted(HexTrackrError):
    """The user does not have the permission."""

    status, code, detail = 403, "NOT_PERMITTED", "Your role does not allow this."


class NotFound(HexTrackrError):
    """The requested object does not exist."""

    status, code, detail = 404, "NOT_FOUND", "There is nothing at this address."


class Conflict(HexTrackrError):
    """The current state of the object does not allow the action."""

    status, code, detail = 409, "CONFLICT", "This is not possible in the current state."


class TooMany(HexTrackrError):
    """The client exceeds a limit."""

    status, code, detail = 429, "TOO_MANY_REQUESTS", "Too many requests; please slow down and try again in a moment."


class SignInLocked(TooMany):
    """Too many sign-ins failed.

    :ivar seconds: how long to wait.
    """

    code, detail = "SIGN_IN_LOCKED", "Too many failed attempts; please wait and try again."

    def __init__(self, detail: str | None = None, seconds: float = 0.0) -> None:
        super().__init__(detail)
        self.seconds = seconds


class UploadTooLarge(HexTrackrError):
    """The upload is larger than ``UPLOAD_MAX_BYTES``."""

    status, code, detail = 413, "UPLOAD_TOO_LARGE", "The file is larger than this server accepts."


class FileRefused(HexTrackrError):
    """The file cannot be read as a CSV export; nothing was changed."""

    status, code, detail = 422, "UNREADABLE_CSV", "The file cannot be read as CSV."


class UnknownFormat(FileRefused):
    """The file is readable, but not the export of a supported scanner."""

    code, detail = "UNKNOWN_FORMAT", "This file is not from a supported scanner. Map its columns once to import it."


class MissingColumns(FileRefused):
    """The export of a supported scanner lacks a required column."""

    code, detail = "MISSING_COLUMNS", "The export lacks a column that the import needs."


class MappingRefused(HexTrackrError):
    """The mapping turns no row of its file into a finding; it was not saved."""

    status, code, detail = 422, "NOTHING_COMES_OUT", "No row can be imported with this mapping, so it was not saved."


class BackupRefused(HexTrackrError):
    """The file cannot be restored; nothing was changed."""

    status, code, detail = 422, "NOT_A_BACKUP", "This file is not a backup of HexTrackr."


class BackupElsewhere(HexTrackrError):
    """The database is PostgreSQL, which has its own backup tools."""

    status, code, detail = (
        501,
        "NOT_ON_POSTGRESQL",
        "The database is PostgreSQL: use pg_dump to back it up and pg_restore to restore it.",
    )


class Cancelled(HexTrackrError):
    """The user cancelled the import."""

    status, code, detail = 409, "CANCELLED", "The import was cancelled; no finding was changed."


class Interrupted(HexTrackrError):
    """The process that did the work ended before the work was done."""

    code, detail = "INTERRUPTED", "The import was interrupted before it was done; no finding was changed."


class DatabaseBusy(HexTrackrError):
    """Another process locked the database for too long."""

    status, code, detail = 503, "SQLITE_BUSY", "The database is in use by another program; please try again."


class DatabaseUnavailable(HexTrackrError):
    """The database cannot be read or written at all."""

    status, code = 503, "DATABASE_UNAVAILABLE"
    detail = "The database cannot be used: it is damaged, read-only or not reachable."


class QueryTooSlow(HexTrackrError):
    """A query exceeded its time limit."""

    status, code = 503, "QUERY_TOO_SLOW"
    detail = "This query takes too long; please narrow it down, for example by source, severity or a shorter period."


class ServerStopping(HexTrackrError):
    """The server is stopping and accepts no new work."""

    status, code, detail = 503, "STOPPING", "The server is shutting down; please try again in a moment."


class Maintenance(HexTrackrError):
    """The record is being replaced; changes made now would be lost."""

    status, code = 503, "MAINTENANCE"
    detail = "The data is being restored, cleared or merged; please try again in a moment."


class DiskFull(HexTrackrError):
    """There is no space left in the data folder."""

    status, code, detail = 507, "DISK_FULL", "There is no space left on the server's disk."


class OutOfMemory(HexTrackrError):
    """The import needs more memory than it may use."""

    code, detail = "OUT_OF_MEMORY", "The file needs more memory than the server may use for an import."
