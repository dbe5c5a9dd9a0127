"""Retires a source whose scanner is not used any more, and makes it active again.

What is open in a retired source counts as open nowhere: the copy that lists are read from leaves it out. The findings themselves stay as
they are. To resolve them would say that somebody has fixed them, and every later import, undo and merge would have to tell these apart;
as it is, to make the source active again is to forget the day. The next import of the source does so, and its undo restores it.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Connection, select, update

from .models import Import, Source

#: What lists call the state of a finding that is open in a retired source.
RETIRED = "retired"
#: What the summary of an import calls the day of the retirement that it ended.
_ENDED = "retirementEnded"


def end(connection: Connection, import_id: int, source_id: int) -> dict[str, Any]:
    """Make a source active again by an import, which says so.

    :return: what the import's summary has of it; nothing if the source was not retired.
    """
    retired_on = connection.execute(select(Source.retired_on).where(Source.id == source_id)).scalar_one()
    if retired_on is None:
        return {}
    connection.execute(update(Source).where(Source.id == source_id).values(retired_on=None))
    warnings = connection.execute(select(Import.warnings).where(Import.id == import_id)).scalar_one()
    warning = f"This source was retired on {retired_on}; with this import it is active again."
    connection.execute(update(Import).where(Import.id == import_id).values(warnings=[*warnings, warning]))
    return {_ENDED: retired_on.isoformat()}


def restore(connection: Connection, import_id: int, source_id: int) -> bool:
    """Retire a source again as it was before an import that is undone; False if that import has not ended a retirement."""
    summary = connection.execute(select(Import.summary).where(Import.id == import_id)).scalar_one()
    if _ENDED not in summary:
        return False
    retired_on = date.fromisoformat(summary[_ENDED])
    connection.execute(update(Source).where(Source.id == source_id).values(retired_on=retired_on))
    return True
