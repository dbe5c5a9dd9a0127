"""Renames sources, retires them and makes them active again: what people decide of a source as a whole. See :mod:`.merging` for the rest.

A label that a source had before stays its alias: scripts go on to import under it. An import has the label under which it came until it is
complete: it is looked up again if the file has to be read once more.

What is open in a retired source counts as open nowhere: the copy that lists are read from leaves it out. The findings themselves stay as
they are. To resolve them would say that somebody has fixed them, and every later import, undo and merge would have to tell these apart;
as it is, to make the source active again is to forget the day. The next import of the source does so, and its undo restores it.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.orm import Session

from hextrackr.db.dialects import write_alone
from hextrackr.errors import Conflict, NotFound, RequestError

from . import record_version
from .models import Import, ImportState, Source, SourceAlias, find_source

LABEL_IN_USE = "LABEL_IN_USE"
MAX_LABEL = 100


def existing(session: Session, source_id: int) -> Source:
    """The source with this number.

    :raises NotFound: ``UNKNOWN_SOURCE``.
    """
    source = session.get(Source, source_id)
    if source is None:
        raise NotFound(f"There is no source {source_id}.", "UNKNOWN_SOURCE")
    return source


def rename(session: Session, source_id: int, label: str) -> Source:
    """Give a source another label; the one before becomes an alias.

    :raises NotFound: there is no such source.
    :raises RequestError: the label is empty, too long, or has characters that are not shown.
    :raises Conflict: ``LABEL_IN_USE``: another source of the scanner has this label, or had it.
    """
    write_alone(session, Source.__tablename__)
    source = existing(session, source_id)
    before, label = source.label, " ".join(label.split())
    if not 0 < len(label) <= MAX_LABEL:
        raise RequestError(f"A label must have 1 to {MAX_LABEL} characters.")
    if not label.isprintable():
        raise RequestError(
            "The label must not contain control characters or characters that change the text direction."
        )
    if label == before:
        return source
    other = find_source(session, source.scanner, label)
    if other is not None and other.id != source_id:
        if other.label == label:
            raise Conflict(f"Another source of this scanner is already called {label}.", LABEL_IN_USE)
        raise Conflict(
            f"Imports under the label {label} go to the source {other.label or 'without a label'}, which had it before.",
            LABEL_IN_USE,
        )
    session.execute(delete(SourceAlias).where(SourceAlias.source_id == source_id, SourceAlias.label == label))
    session.add(SourceAlias(scanner=source.scanner, label=before, source_id=source_id))
    source.label = label
    complete = Import.source_id == source_id, Import.state == ImportState.COMPLETED
    session.execute(update(Import).where(*complete).values(source_label=label))
    record_version.increment(session.connection())
    return source


def retire(session: Session, source_id: int, today: date) -> Source:
    """Let nothing of a source count as open from today on; one that is retired stays so from its own day.

    :raises NotFound: there is no such source.
    """
    return _retired_on(session, source_id, today)


def activate(session: Session, source_id: int) -> Source:
    """Let what is open in a source count again.

    :raises NotFound: there is no such source.
    """
    return _retired_on(session, source_id, None)


def _retired_on(session: Session, source_id: int, day: date | None) -> Source:
    source = existing(session, source_id)
    if (source.retired_on is None) != (day is None):
        source.retired_on = day
        session.flush()
        record_version.increment(session.connection())
    return source


#: What lists call the state of a finding that is open in a retired source.
RETIRED = "retired"
#: What the summary of an import calls the day of the retirement that it ended.
_ENDED = "retirementEnded"


def end_retirement(connection: Connection, import_id: int, source_id: int) -> dict[str, Any]:
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


def restore_retirement(connection: Connection, import_id: int, source_id: int) -> bool:
    """Retire a source again as it was before an import that is undone; False if that import has not ended a retirement."""
    summary = connection.execute(select(Import.summary).where(Import.id == import_id)).scalar_one()
    if _ENDED not in summary:
        return False
    retired_on = date.fromisoformat(summary[_ENDED])
    connection.execute(update(Source).where(Source.id == source_id).values(retired_on=retired_on))
    return True
