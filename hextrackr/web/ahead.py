"""Counts, once the record has changed, what pages deep in a list are found by, so that nobody who asks for one waits for it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from itertools import product
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from hextrackr.db.error_mapping import error_from_exception
from hextrackr.extensions import db, socketio

from . import filters, kept, ordering
from .stretches import Stretches

if TYPE_CHECKING:
    from flask import Flask

log = logging.getLogger(__name__)

#: Seconds between two looks at whether the record has changed, and after one that did not work.
LOOK, LOOK_AFTER_ERROR = 1.0, 60.0
#: Seconds between two statements: nobody waits for them, and a sleep of none need not let requests in.
GAP = 0.005
#: The lists whose page in the middle is looked up: the values of each grade are counted for it, and all other lists use them.
_LIMITS: tuple[dict[str, str], ...] = ({"state": "open"}, {})
_SORTS = ("severity", "cvss", "firstSeen", "vpr")
_COUNTED = "counted ahead"


def start(app: Flask) -> None:
    """Count ahead from now on, beside the requests; whoever changes the record may be another process, so it is looked at."""
    socketio.start_background_task(_look_around, app)


def count(session: Session, pause: Callable[[], Any]) -> None:
    """Count, unless that was done since the record changed.

    :param pause: lets others have their turn, with no transaction held.
    """
    counted = kept.since_last_change(session)
    if _COUNTED in counted:
        return
    counted[_COUNTED] = True
    for limits, sort in product(_LIMITS, _SORTS):
        Stretches(session, filters.requested(limits), ordering.requested({"sort": sort})).count(pause)


def _look_around(app: Flask) -> None:
    while True:
        seconds = LOOK
        try:
            with app.app_context():
                count(db.session, _pause)
        except SQLAlchemyError as error:
            log.warning("Deep pages are counted when one is asked for: %s", error_from_exception(error).code)
            seconds = LOOK_AFTER_ERROR
        socketio.sleep(seconds)


def _pause() -> None:
    db.session.rollback()
    socketio.sleep(GAP)
