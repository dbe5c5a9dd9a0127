"""The queue of imports: their rows in the database, and the leases under which processes work on them.

Every write is one short transaction that waits for a lock without blocking the event loop. One process at a time works on an import, under
a lease that its importer renews; another process takes it over only if the lease has expired, or its owner has ended.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from typing import Any, TypeVar

from sqlalchemy import Engine, and_, func, or_, select, update
from sqlalchemy.orm import Session

from hextrackr.db import dialects, transactions
from hextrackr.domain import undo
from hextrackr.domain.models import FINISHED, RUNNING, Import, ImportMode, ImportState, Source, source_of
from hextrackr.domain.resolve_guard import YES, Answer
from hextrackr.errors import Conflict, ErrorRecord, NotFound, RequestError
from hextrackr.ingest import attempt, scan_date
from hextrackr.ingest.attempt import LEASE_MS, PROMOTION_LEASE_MS

from . import process_id

T = TypeVar("T")

#: Milliseconds after which an import without an answer is cancelled.
CONFIRMATION_MS = 24 * 3600 * 1000
#: Milliseconds after which the upload of a failed import is deleted.
RETRYABLE_MS = 24 * 3600 * 1000
#: The columns that the user chose, which a retry copies.
CHOSEN = (
    "filename", "file_size", "upload", "vendor", "source_label", "mode", "scan_date", "date_order", "confirmed", "preview",
    "digest",
)  # fmt: skip
#: The detail of the error ``SESSION_IN_USE``.
SESSION_IN_USE = "This session id is in use by a running operation."
#: Attempts after which an import that keeps killing its process is failed.
MAX_ATTEMPTS = 3


def now_ms() -> int:
    """Milliseconds since the epoch."""
    return int(time.time() * 1000)


class ImportQueue:
    """The import rows.

    :param engine: the web process's engine, whose busy timeout is short.
    :param sleep: waits (seconds) between two attempts, without blocking the event loop.
    :param owner: the name under which imports are claimed, see :mod:`.process_id`; by default that of this process.
    """

    def __init__(self, engine: Engine, sleep: Callable[[float], None], owner: str | None = None) -> None:
        self._engine = engine
        self._sleep = sleep
        self._owner = owner or process_id.own()

    # Queueing

    def add(self, **values: Any) -> int:
        """Queue a stored upload and return the import's id; see :meth:`enqueue`."""
        return self.enqueue(**values).id

    def enqueue(self, **values: Any) -> Import:
        """Queue a stored upload.

        :raises Conflict: ``SESSION_IN_USE``: an unfinished import of any process has this session id.
        :raises DatabaseBusy: the database stayed locked.
        """

        def insert(session: Session) -> Import:
            return _insert(session, values)

        return self._write(insert)

    def retry(self, import_id: int, session_id: str, started_by: str = "") -> Import | None:
        """Queue the upload of a failed import again, as a new import; None if the upload no longer exists.

        :raises Conflict: ``SESSION_IN_USE``, as :meth:`enqueue`.
        """

        def again(session: Session) -> Import | None:
            failed = session.get(Import, import_id, with_for_update=True)
            if failed is None or failed.state != ImportState.FAILED or not failed.upload:
                return None
            values = {name: getattr(failed, name) for name in CHOSEN} | {"scan_date": scan_date.of_form(failed)}
            row = _insert(session, {"session_id": session_id, "started_by": started_by, **values})
            failed.upload = ""
            return row

        return self._write(again)

    # Looking up

    def get(self, import_id: int) -> Import | None:
        """The row of an import."""
        return self._first(select(Import).where(Import.id == import_id))

    def existing(self, import_id: int) -> Import:
        """The row of an import.

        :raises NotFound: there is no such import.
        """
        row = self.get(import_id)
        if row is None:
            raise NotFound(f"There is no import {import_id}.", "UNKNOWN_IMPORT")
        return row

    def of_session(self, session_id: str) -> Import | None:
        """The newest import under a session id."""
        return self._first(select(Import).where(Import.session_id == session_id).order_by(Import.id.desc()).limit(1))

    def has_session(self, session_id: str) -> bool:
        """Whether an import has this session id.

        This runs for each socket that joins, most of them before their upload. Without SQLAlchemy it takes a tenth of the time.
        """
        driver: Any = self._engine.dialect.dbapi
        mark = "%s" if dialects.is_postgresql(self._engine) else "?"
        try:
            with closing(self._engine.raw_connection()) as connection:
                cursor = connection.cursor()
                cursor.execute(f"SELECT 1 FROM imports WHERE session_id = {mark} LIMIT 1", (session_id,))
                return cursor.fetchone() is not None
        except driver.Error:
            return True  # the query that then follows raises a proper error

    def waiting(self) -> list[Import]:
        """The imports that can be worked on, the oldest first."""
        return self._all(or_(Import.state == ImportState.QUEUED, Import.goes_on))

    def queued(self) -> int:
        """The number of queued imports."""
        with Session(self._engine) as session:
            waiting = select(func.count()).select_from(Import).where(Import.state == ImportState.QUEUED)
            return session.scalar(waiting) or 0

    def unfinished(self) -> list[Import]:
        """The imports that have not ended, the oldest first."""
        return self._all(Import.state.not_in(FINISHED))

    def unconfirmed(self) -> list[Import]:
        """The imports that have waited too long for a confirmation."""
        overdue = Import.created_at < now_ms() - CONFIRMATION_MS
        return self._all(and_(Import.state == ImportState.AWAITING_CONFIRMATION, overdue))

    def stale_uploads(self) -> list[Import]:
        """The failed imports that nobody has retried for a day."""
        old = Import.finished_at < now_ms() - RETRYABLE_MS
        return self._all(and_(Import.state == ImportState.FAILED, Import.upload != "", old))

    def undoable(self) -> set[int]:
        """The imports that can be undone: the latest of each source."""
        with Session(self._engine) as session:
            connection = session.connection()
            latest = (undo.undoable(connection, source_id) for source_id in session.scalars(select(Source.id)))
            return {import_id for import_id in latest if import_id is not None}

    def uploads(self) -> set[str]:
        """The names of the stored files that are still needed."""
        with Session(self._engine) as session:
            return set(session.scalars(select(Import.upload).where(Import.upload != "")))

    # Answering and ending

    def confirm(self, import_id: int, answer: Answer = YES) -> bool:
        """Continue an import that awaits confirmation, from its staged rows; False if it does not await one.

        Moving it to another source does not confirm it: it may have to ask again what it would resolve there.

        :raises RequestError: the other source is the import's own.
        """

        def go_on(session: Session) -> bool:
            row = session.get(Import, import_id, with_for_update=True)
            if row is None or row.state != ImportState.AWAITING_CONFIRMATION:
                return False
            if answer.source:
                other = source_of(session, row.scanner, answer.source)
                if other.id == row.source_id:
                    raise RequestError("This is already the source of the import; enter another label.")
                row.source_id, row.source_label = other.id, answer.source
                row.forecast = {"pace": row.forecast.get("pace", 1.0)}
            else:
                row.confirmed = True
            if answer.leave_open:
                row.mode = ImportMode.DELTA
            row.state, row.answered, row.lease_until = ImportState.PROMOTING, True, 0
            return True

        return self._write(go_on)

    def end(
        self,
        row: Import,
        state: ImportState,
        error: ErrorRecord,
        work: dict[str, Any] | None = None,
        *,
        keep_upload: bool = False,
    ) -> bool:
        """End an import that is not committed; False if it has ended already, or another process has claimed it since.

        :param work: see :attr:`.Import.work`; None leaves it unchanged.
        """
        return self._change(
            row, Import.epoch == row.epoch, Import.state.not_in(FINISHED),
            state=state, finished_at=now_ms(), lease_until=0, work=row.work if work is None else work,
            error_code=error["code"], error_detail=error["detail"], **({} if keep_upload else {"upload": ""}),
        )  # fmt: skip

    def delete(self, import_id: int) -> Import | None:
        """Delete an import that failed or was cancelled, and its rejected rows; return what it was, or None if it is neither.

        What is still staged of it is removed by the next cleanup.
        """

        def delete(session: Session) -> Import | None:
            row = session.get(Import, import_id, with_for_update=True)
            if row is None or row.state not in (ImportState.FAILED, ImportState.CANCELLED):
                return None
            session.delete(row)
            return row

        return self._write(delete)

    def note_work(self, row: Import, work: dict[str, Any]) -> None:
        """Store the measured work on an import, unless another process has claimed it since."""
        self._change(row, Import.epoch == row.epoch, work=work)

    def forget_upload(self, row: Import) -> None:
        """Clear the upload of a failed import in its row."""
        self._change(row, Import.state == ImportState.FAILED, upload="")

    # Leases

    def claim(self, row: Import) -> bool:
        """Claim an import and update ``row``; False if another process has claimed or ended it meanwhile."""
        free = (Import.epoch == row.epoch, Import.state == row.state, Import.lease_until < now_ms())
        state = ImportState.READING if row.state == ImportState.QUEUED else ImportState.PROMOTING
        lease = LEASE_MS if state == ImportState.READING else PROMOTION_LEASE_MS
        values = {"state": state, "attempts": row.attempts + 1, "owner": self._owner, "epoch": row.epoch + 1,
                  "lease_until": attempt.until(lease), "started_at": row.started_at or now_ms()}  # fmt: skip
        claimed = self._change(row, *free, **values)
        if claimed:
            for name, value in values.items():
                setattr(row, name, value)
        return claimed

    def release(self, row: Import) -> None:
        """Give up the lease of an import, so that another process can claim it now."""
        self._change(row, Import.epoch == row.epoch, lease_until=0)

    def recover(self) -> list[Import]:
        """Queue abandoned imports again, whose owners have ended or have not renewed their leases; return their updated rows."""
        return [row for row in self._abandoned() if self._recover(row)]

    def leased(self) -> list[tuple[int, int]]:
        """Id and epoch of all imports that any process works on."""
        working = select(Import.id, Import.epoch).where(Import.state.in_(RUNNING), Import.lease_until >= now_ms())
        with Session(self._engine) as session:
            return [(row.id, row.epoch) for row in session.execute(working)]

    def _abandoned(self) -> list[Import]:
        """Running imports without a living owner, except answered ones that wait to be promoted."""
        running = self._all(and_(Import.state.in_(RUNNING), ~Import.goes_on))
        return [row for row in running if row.lease_until < now_ms() or process_id.is_gone(row.owner)]

    def _recover(self, row: Import) -> bool:
        # An answered import is staged, and the user has seen its figures: only its promotion is repeated.
        staged = row.state == ImportState.PROMOTING and row.answered
        state = ImportState.PROMOTING if staged else ImportState.QUEUED
        same = (Import.epoch == row.epoch, Import.state == row.state, Import.lease_until == row.lease_until)
        recovered = self._change(row, *same, state=state, owner="", lease_until=0)
        if recovered:
            row.state, row.owner, row.lease_until = state, "", 0
        return recovered

    # Statements

    def _first(self, statement: Any) -> Import | None:
        with Session(self._engine, expire_on_commit=False) as session:
            found: Import | None = session.scalars(statement).first()
            return found

    def _all(self, condition: Any) -> list[Import]:
        with Session(self._engine, expire_on_commit=False) as session:
            return list(session.scalars(select(Import).where(condition).order_by(Import.id)))

    def _change(self, row: Import, *conditions: Any, **values: Any) -> bool:
        """Write values into the row of an import; False if it no longer meets the conditions."""

        def change(session: Session) -> bool:
            statement = update(Import).where(Import.id == row.id, *conditions).values(values)
            return bool(session.execute(statement).rowcount)  # type: ignore[attr-defined]

        return self._write(change)

    def _write(self, change: Callable[[Session], T]) -> T:
        return transactions.write(self._engine, change, sleep=self._sleep)


def _insert(session: Session, values: dict[str, Any]) -> Import:
    """Insert the row of an import; no other unfinished one may have its session id."""
    session_id = values["session_id"]
    dialects.lock_name(session.connection(), session_id)
    used = select(Import.id).where(Import.session_id == session_id, Import.state.not_in(FINISHED)).limit(1)
    if session.scalar(used) is not None:
        raise Conflict(SESSION_IN_USE, "SESSION_IN_USE")
    row = Import(state=ImportState.QUEUED, created_at=now_ms(), **values)
    session.add(row)
    session.flush()
    return row
