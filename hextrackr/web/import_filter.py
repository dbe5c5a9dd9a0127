"""The filters of the list of imports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, and_, or_

from hextrackr.domain.models import FINISHED, Import, ImportState
from hextrackr.errors import RequestError
from hextrackr.queries import parameters

_MAX_TEXT = 200

#: Value of ``state`` -> a condition on the imports. Completed imports are divided as on the pages.
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
    """Return the condition of a query string: ``unfinished=true``, ``state``, ``source`` (an id) and ``search`` (words in the file name,
    the label of the source, the scanner or the name of who started the import).

    :raises RequestError: a parameter is invalid.
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
