"""Import a backdated scan, older than the newest one of its source: it fills the history and does not change the current state.

Findings that exist get an earlier first-seen day. Others are added as they ended: resolved on the day of the first later scan that looked
for them and did not report them. That is a full scan if this one is full as well, else one that saw the host. A scan with rejected rows
does not count as one that looked. A finding for which no scan has looked since is open.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, select

from hextrackr.db.dialects import statement

from . import evidence, imports, lifecycle, sightings, upsert
from .fields import FINDING, listed
from .models import Import, ImportMode, is_open
from .staged import FIRST_SEEN, IS_KEPT, LINKED, Scan
from .verdicts import FIXED, RESURFACED


def record(connection: Connection, scan: Scan) -> tuple[int, dict[int, int]]:
    """Import a backdated scan.

    :return: the number of findings that it added to the history, and those of them that are open now, by severity.
    """
    import_id = scan.import_id
    upsert.promote_assets(connection, import_id, scan.source_id, backdated=True)
    upsert.promote_definitions(connection, import_id, scan.source_id, backdated=True)
    evidence.promote_details(connection, import_id, backdated=True)
    evidence.identify(connection, import_id)
    all_new = lifecycle.compare(connection, scan)
    lifecycle.find_absent(connection, replace(scan, mode=ImportMode.DELTA))
    outcomes = lifecycle.count_outcomes(connection, scan, all_new=all_new)
    evidence.link(connection, import_id, backdated=True)
    lifecycle.see_earlier(connection, import_id)
    sightings.link(connection, scan, all_new=all_new)
    newest = imports.newest_finding(connection)
    open_now = _insert(connection, scan, newest, all_new=all_new)
    imports.note_added(connection, import_id, newest)
    return sum(outcomes["inserted"].values()), open_now


def _insert(connection: Connection, scan: Scan, newest: int, *, all_new: bool) -> dict[int, int]:
    """Insert the new findings, and return how many of them are open, by severity."""
    closing = _first_scan_after(connection, scan, ImportMode.FULL) if scan.mode == ImportMode.FULL else None
    looked = "1 = 1"
    if closing is None:
        closing = _first_scan_after(connection, scan, ImportMode.FULL, ImportMode.HOSTS)
        looked = """
            a.asset_id IN (SELECT f.asset_id FROM findings f JOIN sightings w ON w.id = f.sighting_id
                           WHERE f.source_id = :source_id AND f.id <= :newest AND w.day >= :closed)
        """
    if closing is None:
        looked = "1 = 0"
    parameters: dict[str, Any] = {
        **scan.parameters,
        "closing_import": closing.id if closing else None,
        "closed": closing.scan_date if closing else None,
        "newest": newest,
    }
    # The end: the day of the fix, at the latest the day of the scan; else the day of the next scan that did not report the finding.
    ended = f"""
        CASE o.state WHEN {FIXED} THEN (CASE WHEN o.resolved_on < :day THEN o.resolved_on ELSE :day END) ELSE :closed END
    """
    # In the order of their numbers, so that they get the same ids on every database.
    connection.execute(
        statement(f"""
        INSERT INTO findings ({lifecycle.FINDING_COLUMNS})
        SELECT :source_id, a.asset_id, d.definition_id, s.port, o.protocol, o.severity, {listed(FINDING, "o.{name}")},
               {FIRST_SEEN}, o.sighting_id,
               CASE WHEN o.state = {FIXED} OR {looked} THEN 'resolved' WHEN o.state = {RESURFACED} THEN 'reopened' ELSE 'active' END,
               CASE WHEN o.state = {FIXED} OR {looked} THEN (CASE WHEN {ended} < {FIRST_SEEN} THEN {FIRST_SEEN} ELSE {ended} END) END,
               :import_id, v.evidence_id
        FROM {LINKED} {evidence.LINKED}
        WHERE s.import_id = :import_id AND {IS_KEPT} {"" if all_new else f"AND {lifecycle.IS_NEW}"}
        ORDER BY s.number
        """),
        parameters,
    )
    if closing is not None:
        connection.execute(
            statement(f"""
            INSERT INTO finding_changes ({lifecycle.CHANGE_COLUMNS})
            SELECT :closing_import, id, 'resolved', :closed, severity, {listed(FINDING)}, severity, {listed(FINDING)}, 'active'
            FROM findings WHERE id > :newest AND source_id = :source_id AND resolved_on >= :closed ORDER BY id
            """),
            parameters,
        )
    open_now = connection.execute(
        statement(f"""
        SELECT severity, count(*) FROM findings
        WHERE id > :newest AND source_id = :source_id AND {is_open("lifecycle")} GROUP BY severity
        """),
        parameters,
    )
    return {severity: count for severity, count in open_now}


def _first_scan_after(connection: Connection, scan: Scan, *modes: ImportMode) -> Any:
    """The first later scan of these modes without rejected rows, or None."""
    return connection.execute(
        select(Import.id, Import.scan_date)
        .where(
            *imports.dated(scan.source_id), Import.scan_date > scan.day, Import.mode.in_(modes), Import.rejected == 0
        )
        .order_by(Import.scan_date, Import.place)
        .limit(1)
    ).one_or_none()
