"""What the list of imports can be limited to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, and_, or_

from hextrackr.domain.models import FINISHED, Import, ImportState
from hextrackr.errors import RequestError
from hextrackr.queries import parameters

_MAX_TEXT = 200

#: What can be asked for as a state -> the imports that are in it: those that ran through are distinguished as the pages do it.
STATES: Mapping[str, Callable[[], ColumnElement[bool]]] = {
    "running": lambda: Import.state.not_in((*FINISHED, ImportState.AWAITING_CONFIRMATION)),
    "awaiting-confirmation": lambda: Import.state == ImportState.AWAITING_CONFIRMATION,
    "completed": lambda: and_(Import.state == ImportState.COMPLETED, Import.undone_at.is_(None), Import.rejected == 0),
    "completed-with-rejects": lambda: and_(
        Import.state == ImportState.COMPLETED, Import.undone_at.is_(None), Import.rejected > 0
    ),
    "undone": lambda: Import.undone_at.is_not(None),
    "failed": lambda: Import.state == ImportState.FAILED,
    "cancelled": lambda: Import.state == ImportState.CANCELLED,
}


def of(query: Mapping[str, str]) -> ColumnElement[bool]:
    """The condition of a query: ``unfinished=true``, ``state``, ``source`` (its number) and ``search`` (words of the file's name, the
    label of its source, or who has started it).

    :raises RequestError: one of them has a value that cannot be used.
    """
    conditions: list[Any] = []
    if query.get("unfinished") == "true":
        conditions.append(Import.state.not_in(FINISHED))
    if state := query.get("state", ""):
        if state not in STATES:
            raise RequestError(f"state must be one of {', '.join(STATES)}.")
        conditions.append(STATES[state]())
    if source := query.get("source", ""):
        conditions.append(Import.source_id == parameters.number("source", source, 1, parameters.MAX_NUMBER))
    text = query.get("search", "")
    if len(text) > _MAX_TEXT:
        raise RequestError(f"search may have at most {_MAX_TEXT} characters.")
    columns = (Import.filename, Import.source_label, Import.vendor, Import.started_by)
    conditions += [or_(*(column.icontains(word, autoescape=True) for column in columns)) for word in text.split()]
    return and_(True, *conditions)
