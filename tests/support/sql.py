"""SQL expressions for the queries of tests."""

from __future__ import annotations

from sqlalchemy import Engine

#: SQL: when a finding (``f``) was last seen.
LAST_SEEN = "(SELECT day FROM sightings WHERE sightings.id = f.sighting_id)"
#: SQL: the changes of findings by each import. That a finding was opened, or added as resolved, follows from the finding itself: its values
#: then are those before its first change.
EVENTS = """(
    SELECT import_id, finding_id, kind, day, severity, vpr, cvss, severity_before, vpr_before, cvss_before, lifecycle_before
    FROM finding_changes
    UNION ALL
    SELECT opened_by, f.id, CASE coalesce(c.lifecycle_before, f.lifecycle) WHEN 'resolved' THEN 'resolved' ELSE 'opened' END, i.scan_date,
           coalesce(c.severity_before, f.severity), CASE WHEN c.finding_id IS NULL THEN f.vpr ELSE c.vpr_before END,
           CASE WHEN c.finding_id IS NULL THEN f.cvss ELSE c.cvss_before END, NULL, NULL, NULL, NULL
    FROM findings f JOIN imports i ON i.id = f.opened_by
    LEFT JOIN finding_changes c ON c.finding_id = f.id AND c.import_id = (
        SELECT first.import_id FROM finding_changes first JOIN imports j ON j.id = first.import_id
        WHERE first.finding_id = f.id ORDER BY j.place, j.id LIMIT 1)
)"""


def joined(engine: Engine, column: str) -> str:
    """SQL: the texts of a column, separated by blanks."""
    return f"{'string_agg' if engine.dialect.name == 'postgresql' else 'group_concat'}({column}, ' ')"
