"""The import rows as the web process reads and writes them: short transactions, waiting for a lock without blocking the loop."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Engine, and_, func, or_, select, update
from sqlalchemy.orm import Session

from hextrackr.db import dialects, transactions
from hextrackr.domain import undo
from hextrackr.domain.models import FINISHED, Import, ImportMode, ImportState, Source, source_of
from hextrackr.errors import Conflict, ErrorRecord, RequestError
from hextrackr.ingest import scan_date

from .answers import YES, Answer
from .durations import measured

T = TypeVar("T")

#: An import that waits for a confirmation this long is cancelled, in milliseconds.
CONFIRMATION_MS = 24 * 3600 * 1000
#: The upload of an import that failed is kept this long, in milliseconds.
KEPT_MS = 24 * 3600 * 1000
#: What the user said of an import, which holds for another attempt at it as well.
SAID = (
    "filename", "file_size", "upload", "vendor", "source_label", "mode", "scan_date", "date_order", "confirmed", "preview",
    "digest",
)  # fmt: skip
#: What is said of a session id that a running operation has.
SESSION_IN_USE = "This session id is in use by a running operation."
#: After this many attempts an import that keeps ending its process is given up.
MAX_ATTEMPTS = 3


def now_ms() -> int:
    """Milliseconds since the epoch."""
    return int(time.time() * 1000)


class ImportQueue:
    """Import rows.

    :param engine: the web process's engine, whose busy timeout is short.
    :param sleep: seconds to wait between two tries, without blocking the event loop.
    """

    def __init__(self, engine: Engine, sleep: Callable[[float], None]) -> None:
        self._engine = engine
        self._sleep = sleep

    def add(self, **values: Any) -> int:
        """Queue a stored upload and return the import's id; see :meth:`enqueue`."""
        return self.enqueue(**values).id

    def enqueue(self, **values: Any) -> Import:
        """Queue a stored upload.

        :raises Conflict: ``SESSION_IN_USE``: an import that has not ended has this session id, whichever process took it.
        :raises DatabaseBusy: the database stayed locked.
        """

        def insert(session: Session) -> Import:
            _refuse_used(session, values["session_id"])
            measured.began(values["session_id"])
            record = Import(state=ImportState.QUEUED, created_at=now_ms(), **values)
            session.add(record)
            session.flush()
            return record

        return self._write(insert)

    def get(self, import_id: int) -> Import | None:
        """The row of an import."""
        return self._first(select(Import).where(Import.id == import_id))

    def of_session(self, session_id: str) -> Import | None:
        """The newest import under a session id."""
        return self._first(select(Import).where(Import.session_id == session_id).order_by(Import.id.desc()).limit(1))

    def waiting(self) -> list[Import]:
        """The imports that can be worked on, the oldest first."""
        ready = or_(Import.state == ImportState.QUEUED, Import.goes_on)
        with Session(self._engine, expire_on_commit=False) as session:
            return list(session.scalars(select(Import).where(ready).order_by(Import.id)))

    def queued(self) -> int:
        """How many imports wait for their turn."""
        with Session(self._engine) as session:
            waiting = select(func.count()).select_from(Import).where(Import.state == ImportState.QUEUED)
            return session.scalar(waiting) or 0

    def unfinished(self) -> list[Import]:
        """The imports that have not ended, the oldest first."""
        with Session(self._engine, expire_on_commit=False) as session:
            return list(session.scalars(select(Import).where(Import.state.not_in(FINISHED)).order_by(Import.id)))

    def confirm(self, import_id: int, answer: Answer = YES) -> bool:
        """Let an import that awaits confirmation go on, from what is staged of it; False if it does not await one.

        One that goes to another source is not confirmed by that: what it would resolve there is another question.

        :raises RequestError: the other source is the import's own.
        """

        def go_on(session: Session) -> bool:
            record = session.get(Import, import_id, with_for_update=True)
            if record is None or record.state != ImportState.AWAITING_CONFIRMATION:
                return False
            if answer.source:
                if answer.source == record.source_label:
                    raise RequestError("That is the source of this import already; give another label.")
                record.source_id = source_of(session, record.scanner, answer.source).id
                record.source_label, record.forecast = answer.source, {}
            else:
                record.confirmed = True
            if answer.leave_open:
                record.mode = ImportMode.DELTA
            record.state, record.answered, record.lease_until = ImportState.PROMOTING, True, 0
            return True

        return self._write(go_on)

    def end(self, record: Import, state: ImportState, error: ErrorRecord, *, keep_upload: bool = False) -> bool:
        """End an import that is not committed; False if it has ended already, or has another owner than ``record`` says."""
        unfinished = tuple(other for other in ImportState if other not in FINISHED)
        return self._move(
            record.id, unfinished, Import.epoch == record.epoch, state=state, finished_at=now_ms(), lease_until=0,
            error_code=error["code"], error_detail=error["detail"], **({} if keep_upload else {"upload": ""}),
        )  # fmt: skip

    def retry(self, import_id: int, session_id: str) -> Import | None:
        """Queue the upload of a failed import again, as a new import; None if the upload is not there any more.

        :raises Conflict: ``SESSION_IN_USE``, as :meth:`enqueue`.
        """

        def again(session: Session) -> Import | None:
            _refuse_used(session, session_id)
            failed = session.get(Import, import_id, with_for_update=True)
            if failed is None or failed.state != ImportState.FAILED or not failed.upload:
                return None
            measured.began(session_id)
            said = {name: getattr(failed, name) for name in SAID} | {"scan_date": scan_date.of_form(failed)}
            record = Import(state=ImportState.QUEUED, created_at=now_ms(), session_id=session_id, **said)
            failed.upload = ""
            session.add(record)
            session.flush()
            return record

        return self._write(again)

    def stale_uploads(self) -> list[Import]:
        """The failed imports that nobody has tried again for a day."""
        old = and_(Import.state == ImportState.FAILED, Import.upload != "", Import.finished_at < now_ms() - KEPT_MS)
        with Session(self._engine, expire_on_commit=False) as session:
            return list(session.scalars(select(Import).where(old)))

    def forget_upload(self, import_id: int) -> None:
        """Note that the upload of a failed import is gone."""
        self._move(import_id, (ImportState.FAILED,), upload="")

    def unconfirmed(self) -> list[int]:
        """The imports that have waited too long for a confirmation."""
        overdue = and_(
            Import.state == ImportState.AWAITING_CONFIRMATION, Import.created_at < now_ms() - CONFIRMATION_MS
        )
        with Session(self._engine) as session:
            return list(session.scalars(select(Import.id).where(overdue)))

    def undoable(self) -> set[int]:
        """The imports that can be undone: the latest of each source."""
        with Session(self._engine) as session:
            connection = session.connection()
            latest = (undo.latest(connection, source_id) for source_id in session.scalars(select(Source.id)))
            return {import_id for import_id in latest if import_id is not None}

    def uploads(self) -> set[str]:
        """The names of the stored files that are still needed."""
        with Session(self._engine) as session:
            return set(session.scalars(select(Import.upload).where(Import.upload != "")))

    def _first(self, statement: Any) -> Import | None:
        with Session(self._engine, expire_on_commit=False) as session:
            found: Import | None = session.scalars(statement).first()
            return found

    def _move(self, import_id: int, before: tuple[ImportState, ...], *conditions: Any, **values: Any) -> bool:
        def change(session: Session) -> bool:
            mine = (Import.id == import_id, Import.state.in_(before), *conditions)
            statement = update(Import).where(*mine).values(values)
            return bool(session.execute(statement).rowcount)  # type: ignore[attr-defined]

        return self._write(change)

    def _write(self, change: Callable[[Session], T]) -> T:
        return transactions.write(self._engine, change, sleep=self._sleep)


def _refuse_used(session: Session, session_id: str) -> None:
    """See, in the transaction that queues an import, that no other one that has not ended has its session id."""
    dialects.lock_name(session.connection(), session_id)
    used = select(Import.id).where(Import.session_id == session_id, Import.state.not_in(FINISHED)).limit(1)
    if session.scalar(used) is not None:
        raise Conflict(SESSION_IN_USE, "SESSION_IN_USE")
