"""Short writing transactions for a process with an event loop: they wait for a lock without blocking the loop."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.orm import Session

from hextrackr.errors import DatabaseBusy, HexTrackrError

from . import dialects
from .error_mapping import error_from_exception

T = TypeVar("T")

#: Seconds that a write waits for the database, and seconds between two attempts.
PATIENCE = 30.0
RETRY = 0.05


def write(engine: Engine, change: Callable[[Session], T], *, sleep: Callable[[float], None]) -> T:
    """Run a short writing transaction; nothing in it may switch to another green thread.

    :param sleep: waits between two attempts (seconds) without blocking the event loop.
    :raises DatabaseBusy: the database stayed locked.
    :raises HexTrackrError: the database cannot be written to for another reason.
    """
    engine = dialects.for_writing(engine)
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with Session(engine, expire_on_commit=False) as session, session.begin():
                return change(session)
        except (DBAPIError, NoConnection) as error:
            reason: HexTrackrError = error_from_exception(error)
            if not isinstance(reason, DatabaseBusy) or time.monotonic() > deadline:
                raise reason from error
        sleep(RETRY)
