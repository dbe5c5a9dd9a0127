"""Promotes staged findings: compares them with the record, and applies what is new, changed, reopened and resolved.

The comparison is a temporary table, ``matched``: each staged finding with its outcome and, where the record has it, the values
before. A second one, ``absent``, holds the open findings the scan should have seen and did not. Both are read only until
:func:`apply`, so that the guard can look at them first.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import Connection, text

from hextrackr.models.imports import ImportMode

from . import journal

#: Outcome -> severity (0..4) -> number of findings.
Outcomes = dict[str, dict[int, int]]

_MATCH = """
    CREATE TEMPORARY TABLE matched AS
    SELECT a.asset_id, d.definition_id, s.port, s.protocol, s.severity, s.state, coalesce(s.first_seen, s.last_seen, :day) AS opened,
           CASE WHEN s.state > 0 THEN coalesce(s.last_seen, :day) ELSE s.last_seen END AS seen,
           coalesce(s.vpr, f.vpr) AS vpr, coalesce(s.cvss, f.cvss) AS cvss,
           f.id AS finding_id, f.last_seen AS last_seen_before, f.severity AS severity_before, f.vpr AS vpr_before, f.cvss AS cvss_before,
           f.lifecycle AS lifecycle_before,
           CASE
               WHEN f.id IS NULL THEN 'inserted'
               WHEN s.state <= 0 AND f.lifecycle <> 'resolved' THEN 'resolved'
               WHEN s.state <= 0 THEN 'unchanged'
               WHEN f.lifecycle = 'resolved' OR (s.state = 2 AND f.lifecycle = 'active') THEN 'reopened'
               WHEN s.severity <> f.severity OR coalesce(s.vpr, f.vpr, -1) <> coalesce(f.vpr, -1)
                    OR coalesce(s.cvss, f.cvss, -1) <> coalesce(f.cvss, -1) THEN 'updated'
               ELSE 'unchanged'
           END AS outcome
    FROM staging_findings s
    JOIN staging_assets a ON a.import_id = s.import_id AND a.number = s.asset_number
    JOIN staging_definitions d ON d.import_id = s.import_id AND d.number = s.definition_number
    LEFT JOIN findings f ON f.asset_id = a.asset_id AND f.definition_id = d.definition_id
                        AND f.port = s.port AND f.protocol = s.protocol
    WHERE s.import_id = :import_id AND (s.state >= 0 OR f.id IS NOT NULL)
"""

_ABSENT = """
    CREATE TEMPORARY TABLE absent AS
    SELECT f.id AS finding_id, f.severity, f.vpr, f.cvss, f.lifecycle AS lifecycle_before
    FROM findings f
    WHERE f.source_id = :source_id AND f.lifecycle <> 'resolved'
      AND f.id NOT IN (SELECT finding_id FROM matched WHERE finding_id IS NOT NULL)
"""
_ON_SCANNED_HOSTS = " AND f.asset_id IN (SELECT asset_id FROM staging_assets WHERE import_id = :import_id)"
_NONE = " AND 1 = 0"

_INSERT = """
    INSERT INTO findings (source_id, asset_id, definition_id, port, protocol, severity, vpr, cvss,
                          first_seen, last_seen, lifecycle, resolved_on)
    SELECT :source_id, asset_id, definition_id, port, protocol, severity, vpr, cvss,
           opened, coalesce(seen, opened),
           CASE state WHEN 0 THEN 'resolved' WHEN 2 THEN 'reopened' ELSE 'active' END,
           CASE state WHEN 0 THEN :day END
    FROM matched WHERE outcome = 'inserted'
"""
_UPDATE = """
    UPDATE findings SET
        severity = m.severity, vpr = m.vpr, cvss = m.cvss,
        last_seen = CASE WHEN m.seen > findings.last_seen THEN m.seen ELSE findings.last_seen END,
        lifecycle = CASE m.outcome WHEN 'reopened' THEN 'reopened' WHEN 'resolved' THEN 'resolved' ELSE findings.lifecycle END,
        resolved_on = CASE m.outcome WHEN 'reopened' THEN NULL WHEN 'resolved' THEN :day ELSE findings.resolved_on END
    FROM matched m
    WHERE m.finding_id = findings.id AND m.outcome IN ('updated', 'reopened', 'resolved')
"""
_SEEN_AGAIN = """
    UPDATE findings SET last_seen = m.seen
    FROM matched m
    WHERE m.finding_id = findings.id AND m.outcome = 'unchanged' AND m.seen > m.last_seen_before
"""
_RESOLVE_ABSENT = """
    UPDATE findings SET lifecycle = 'resolved', resolved_on = :day WHERE id IN (SELECT finding_id FROM absent)
"""
_EVENT_COLUMNS = (
    "import_id, finding_id, kind, day, severity, vpr, cvss, severity_before, vpr_before, cvss_before, lifecycle_before"
)
_OPENED_EVENTS = f"""
    INSERT INTO finding_events ({_EVENT_COLUMNS})
    SELECT :import_id, id, CASE lifecycle WHEN 'resolved' THEN 'resolved' ELSE 'opened' END, :day, severity, vpr, cvss,
           NULL, NULL, NULL, NULL
    FROM findings WHERE id > :newest_before AND source_id = :source_id ORDER BY id
"""
_CHANGED_EVENTS = f"""
    INSERT INTO finding_events ({_EVENT_COLUMNS})
    SELECT :import_id, finding_id, CASE outcome WHEN 'updated' THEN 'changed' ELSE outcome END, :day,
           severity, vpr, cvss, severity_before, vpr_before, cvss_before, lifecycle_before
    FROM matched WHERE outcome IN ('updated', 'reopened', 'resolved') ORDER BY finding_id
"""
_ABSENT_EVENTS = f"""
    INSERT INTO finding_events ({_EVENT_COLUMNS})
    SELECT :import_id, finding_id, 'resolved', :day, severity, vpr, cvss, severity, vpr, cvss, lifecycle_before
    FROM absent ORDER BY finding_id
"""


def no_outcomes() -> Outcomes:
    """The outcomes of an import that did nothing."""
    return {name: {} for name in ("inserted", "updated", "reopened", "resolved", "unchanged")}


def compare(
    connection: Connection, import_id: int, source_id: int, day: date, mode: ImportMode, holds_open: bool
) -> Outcomes:
    """Fill ``matched`` and ``absent`` and count their outcomes.

    :param day: the scan's date: when a finding was seen whose row does not say.
    :param holds_open: whether the file holds an open finding; one that does not never resolves by absence.
    :return: the outcomes ``inserted``, ``updated``, ``reopened``, ``resolved`` and ``unchanged``, by severity.
    """
    scope = (
        {ImportMode.FULL: "", ImportMode.HOSTS: _ON_SCANNED_HOSTS, ImportMode.DELTA: _NONE}[mode]
        if holds_open
        else _NONE
    )
    parameters = {"import_id": import_id, "source_id": source_id, "day": day.isoformat()}
    drop(connection)
    connection.execute(text(_MATCH), parameters)
    connection.execute(text(_ABSENT + scope), parameters)
    outcomes = no_outcomes()
    counted = "SELECT outcome, severity, count(*) FROM matched GROUP BY outcome, severity"
    absent = "SELECT 'resolved', severity, count(*) FROM absent GROUP BY severity"
    for statement in (counted, absent):
        for outcome, severity, count in connection.execute(text(statement)):
            outcomes[outcome][severity] = outcomes[outcome].get(severity, 0) + count
    return outcomes


def apply(connection: Connection, import_id: int, source_id: int, day: date) -> None:
    """Write what :func:`compare` found into the findings, and an event for each that it changes."""
    newest = connection.execute(text("SELECT coalesce(max(id), 0) FROM findings")).scalar_one()
    parameters = {"import_id": import_id, "source_id": source_id, "day": day.isoformat(), "newest_before": newest}
    journal.keep_findings(connection, import_id)
    for statement in (
        _INSERT, _UPDATE, _SEEN_AGAIN, _RESOLVE_ABSENT, _OPENED_EVENTS, _CHANGED_EVENTS, _ABSENT_EVENTS,
    ):  # fmt: skip
        connection.execute(text(statement), parameters)


def drop(connection: Connection) -> None:
    """Remove the temporary tables, if they are there."""
    for table in ("matched", "absent"):
        connection.execute(text(f"DROP TABLE IF EXISTS {table}"))
