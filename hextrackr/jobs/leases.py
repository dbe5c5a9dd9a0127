"""Who works on an import: one process at a time, under a lease that it renews; only one that has run out is taken over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from hextrackr.db import transactions
from hextrackr.domain.models import RUNNING, Import, ImportState
from hextrackr.ingest import ownership
from hextrackr.ingest.ownership import LEASE_MS, PROMOTION_LEASE_MS

from . import process_id
from .queue import now_ms


class Leases:
    """The leases of one process.

    :param engine: the web process's engine.
    :param sleep: seconds to wait between two tries, without blocking the event loop.
    :param owner: the name of this process, see :mod:`.process_id`.
    """

    def __init__(self, engine: Engine, sleep: Callable[[float], None], owner: str) -> None:
        self._engine = engine
        self._sleep = sleep
        self._owner = owner

    def claim(self, record: Import) -> bool:
        """Take an import to work on; ``record`` is then as its row. False if somebody took or ended it meanwhile."""
        free = (Import.epoch == record.epoch, Import.state == record.state, Import.lease_until < now_ms())
        state = ImportState.READING if record.state == ImportState.QUEUED else ImportState.PROMOTING
        lease = LEASE_MS if state == ImportState.READING else PROMOTION_LEASE_MS
        taken = {"state": state, "attempts": record.attempts + 1, "owner": self._owner, "epoch": record.epoch + 1,
                 "lease_until": ownership.until(lease), "started_at": record.started_at or now_ms()}  # fmt: skip
        claimed = self._change(*free, import_id=record.id, **taken)
        if claimed:
            for name, value in taken.items():
                setattr(record, name, value)
        return claimed

    def release(self, record: Import) -> None:
        """Let others take over an import, at once."""
        self._change(Import.epoch == record.epoch, import_id=record.id, lease_until=0)

    def take_back(self) -> list[Import]:
        """Put back the imports whose owners have ended, or have not renewed their leases; they are returned as they are then."""
        return [record for record in map(self._put_back, self._abandoned()) if record is not None]

    def held(self) -> list[tuple[int, int]]:
        """Import and epoch of all that is being worked on, by whomever."""
        working = select(Import.id, Import.epoch).where(Import.state.in_(RUNNING), Import.lease_until >= now_ms())
        with Session(self._engine) as session:
            return [(row.id, row.epoch) for row in session.execute(working)]

    def _abandoned(self) -> list[Import]:
        """Running imports without a living owner. One that was answered and waits for its turn to be promoted is none."""
        with Session(self._engine, expire_on_commit=False) as session:
            running = session.scalars(
                select(Import).where(Import.state.in_(RUNNING), ~Import.goes_on).order_by(Import.id)
            )
            return [record for record in running if record.lease_until < now_ms() or process_id.is_gone(record.owner)]

    def _put_back(self, record: Import) -> Import | None:
        # What was answered has been staged, and shown: only its promotion is done again.
        staged = record.state == ImportState.PROMOTING and record.answered
        state = ImportState.PROMOTING if staged else ImportState.QUEUED
        same = (Import.epoch == record.epoch, Import.state == record.state, Import.lease_until == record.lease_until)
        if not self._change(*same, import_id=record.id, state=state, owner="", lease_until=0):
            return None
        record.state, record.owner, record.lease_until = state, "", 0
        return record

    def _change(self, *conditions: Any, import_id: int, **values: Any) -> bool:
        def change(session: Session) -> bool:
            statement = update(Import).where(Import.id == import_id, *conditions).values(values)
            return bool(session.execute(statement).rowcount)  # type: ignore[attr-defined]

        return transactions.write(self._engine, change, sleep=self._sleep)
