"""Takes in a scan that is older than the newest one of its source: it fills history and changes no present state.

What nobody knew of is added as resolved on the day of the next scan on record, which did not report it any more. What is known
was there earlier than the record says, and is now known to have been.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import Connection, select

from hextrackr.models import Import
from hextrackr.models.dialects import statement
from hextrackr.models.imports import ImportMode

from . import added, catalogue, details, evidence, journal, lifecycle, sightings, undo
from .staged import LINKED, OF_OUTCOMES, OPENED, OUTCOMES

_INSERT = f"""
    INSERT INTO findings (source_id, asset_id, definition_id, port, protocol, severity, vpr, cvss,
                          first_seen, sighting_id, lifecycle, resolved_on, opened_by, evidence_id)
    SELECT :source_id, a.asset_id, d.definition_id, s.port, o.protocol, o.severity, o.vpr, o.cvss, {OPENED}, o.sighting_id,
           'resolved', CASE o.state WHEN 0 THEN :day ELSE :closed END, :import_id, v.evidence_id
    FROM {LINKED} {evidence.LINKED} WHERE s.import_id = :import_id AND o.state >= 0
"""
_SEEN_EARLIER = f"""
    UPDATE findings SET first_seen = {OPENED}
    FROM {OUTCOMES} WHERE {OF_OUTCOMES} AND m.finding_id = findings.id AND {OPENED} < findings.first_seen
"""
_CLOSED = """
    INSERT INTO finding_changes (
        import_id, finding_id, kind, day, severity, vpr, cvss, severity_before, vpr_before, cvss_before, lifecycle_before)
    SELECT :closing_import, id, 'resolved', :closed, severity, vpr, cvss, severity, vpr, cvss, 'active'
    FROM findings WHERE id > :newest AND source_id = :source_id AND resolved_on > :day ORDER BY id
"""


def record(connection: Connection, import_id: int, source_id: int, day: date, staged: int) -> int:
    """Take in a late scan and return how many findings it added to the history."""
    catalogue.promote_assets(connection, import_id, source_id, late=True)
    catalogue.promote_definitions(connection, import_id, source_id, late=True)
    details.promote(connection, import_id, late=True)
    evidence.take_in(connection, import_id)
    all_new = lifecycle.match(connection, import_id, source_id, day, staged=staged)
    outcomes = lifecycle.conclude(connection, import_id, source_id, ImportMode.DELTA, holds_open=False, all_new=all_new)
    next_scan = connection.execute(
        select(Import.id, Import.scan_date)
        .where(*undo.standing(source_id), Import.scan_date > day)
        .order_by(Import.scan_date, Import.place)
        .limit(1)
    ).one()
    parameters = {
        "import_id": import_id,
        "source_id": source_id,
        "day": day,
        "closing_import": next_scan.id,
        "closed": next_scan.scan_date,
        "newest": added.newest(connection),
    }
    evidence.link(connection, import_id, late=True)
    journal.keep_first_seen(connection, import_id, day)
    sightings.link(connection, import_id, source_id, day, all_new=all_new)
    # In the order of their numbers, so that they get the same ids wherever the record is.
    insert = _INSERT + ("" if all_new else lifecycle.NEW_ONES) + " ORDER BY s.number"
    for step in (_SEEN_EARLIER, insert, _CLOSED):
        connection.execute(statement(step), parameters)
    added.note(connection, import_id, parameters["newest"])
    return sum(outcomes["inserted"].values())
