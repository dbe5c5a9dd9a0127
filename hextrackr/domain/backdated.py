"""Takes in a scan that is older than the newest one of its source: it fills history and changes no present state.

What is known was there earlier than the record says, and is now known to have been. What nobody knew of is resolved on the day of the first
later scan that looked for it and did not report it: a full one if this scan is a full one as well, else one that saw the host. A scan with
rejected rows is not taken for one that looked. What no scan has looked for since is open.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Connection, select

from hextrackr.db.dialects import statement

from . import details, evidence, id_range, lifecycle, sightings, undo, upsert
from .fields import FINDING, listed
from .models import Import, ImportMode
from .staged_sql import IS_KEPT, LINKED, OPENED
from .verdicts import FIXED, RESURFACED

#: When a finding ended that nobody knew of: when it was fixed, by the day of the scan, else when the next one did not report it.
_ENDED = (
    f"CASE o.state WHEN {FIXED} THEN (CASE WHEN o.resolved_on < :day THEN o.resolved_on ELSE :day END) ELSE :closed END"
)
_INSERT = f"""
    INSERT INTO findings (source_id, asset_id, definition_id, port, protocol, severity, {listed(FINDING)},
                          first_seen, sighting_id, lifecycle, resolved_on, opened_by, evidence_id)
    SELECT :source_id, a.asset_id, d.definition_id, s.port, o.protocol, o.severity, {listed(FINDING, "o.{name}")}, {OPENED}, o.sighting_id,
           CASE WHEN o.state = {FIXED} OR {{looked}} THEN 'resolved' WHEN o.state = {RESURFACED} THEN 'reopened' ELSE 'active' END,
           CASE WHEN o.state = {FIXED} OR {{looked}} THEN (CASE WHEN {_ENDED} < {OPENED} THEN {OPENED} ELSE {_ENDED} END) END, :import_id,
           v.evidence_id
    FROM {LINKED} {evidence.LINKED} WHERE s.import_id = :import_id AND {IS_KEPT}
"""
_SAW_THE_HOST = """
    a.asset_id IN (SELECT f.asset_id FROM findings f JOIN sightings w ON w.id = f.sighting_id
                   WHERE f.source_id = :source_id AND f.id <= :newest AND w.day >= :closed)
"""
_CLOSED = f"""
    INSERT INTO finding_changes ({lifecycle.CHANGE_COLUMNS})
    SELECT :closing_import, id, 'resolved', :closed, severity, {listed(FINDING)}, severity, {listed(FINDING)}, 'active'
    FROM findings WHERE id > :newest AND source_id = :source_id AND resolved_on >= :closed ORDER BY id
"""
_OPENED = """
    SELECT severity, count(*) FROM findings
    WHERE id > :newest AND source_id = :source_id AND lifecycle <> 'resolved' GROUP BY severity
"""


def record(
    connection: Connection,
    import_id: int,
    source_id: int,
    day: date,
    mode: ImportMode,
    staged: int,
    places: lifecycle.Places,
) -> tuple[int, dict[int, int]]:
    """Take in a late scan.

    :return: how many findings it added to the history, and how many of them are open now, by severity.
    """
    upsert.promote_assets(connection, import_id, source_id, late=True)
    upsert.promote_definitions(connection, import_id, source_id, late=True)
    details.promote(connection, import_id, late=True)
    evidence.identify(connection, import_id)
    all_new = lifecycle.match(connection, import_id, source_id, day, staged=staged, places=places)
    outcomes, _ = lifecycle.conclude(
        connection, import_id, source_id, ImportMode.DELTA, holds_open=False, all_new=all_new
    )
    full = connection.execute(_first_after(source_id, day, ImportMode.FULL)).one_or_none()
    any_hosts = connection.execute(_first_after(source_id, day, ImportMode.FULL, ImportMode.HOSTS)).one_or_none()
    closing, looked = (full, "1 = 1") if full is not None and mode == ImportMode.FULL else (any_hosts, _SAW_THE_HOST)
    newest = id_range.newest(connection)
    parameters: dict[str, Any] = {
        "import_id": import_id,
        "source_id": source_id,
        "day": day,
        "closing_import": closing.id if closing else None,
        "closed": closing.scan_date if closing else None,
        "newest": newest,
    }
    evidence.link(connection, import_id, late=True)
    lifecycle.see_earlier(connection, import_id)
    sightings.link(connection, import_id, source_id, day, all_new=all_new)
    # In the order of their numbers, so that they get the same ids wherever the record is.
    new_ones = "" if all_new else lifecycle.NEW_ONES
    insert = _INSERT.format(looked=looked if closing else "1 = 0") + new_ones + " ORDER BY s.number"
    for step in (insert, *((_CLOSED,) if closing else ())):
        connection.execute(statement(step), parameters)
    id_range.note(connection, import_id, newest)
    is_open = {severity: count for severity, count in connection.execute(statement(_OPENED), parameters)}
    return sum(outcomes["inserted"].values()), is_open


def _first_after(source_id: int, day: date, *modes: ImportMode) -> Any:
    """Selects the first later scan of these modes that read its whole file."""
    return (
        select(Import.id, Import.scan_date)
        .where(*undo.dated(source_id), Import.scan_date > day, Import.mode.in_(modes), Import.rejected == 0)
        .order_by(Import.scan_date, Import.place)
        .limit(1)
    )
