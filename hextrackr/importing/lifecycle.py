"""Promotes staged findings: compares them with the record, and applies what is new, changed, reopened and resolved.

The comparison is a temporary table, ``matched``: the number of each staged finding with its outcome and, where the record has it, the id
of the finding, that of its sighting and, if it was seen again later, when. A second one, ``absent``, holds the open findings the scan
should have seen and did not. All is read only until :func:`apply`, so that the guard can look at them first. A source without findings
has nothing to compare with: then all that is staged is new.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from sqlalchemy import Connection, text

from hextrackr.models.dialects import as_staged, get_to_know, key, not_among, pieces, statement
from hextrackr.models.findings import OPEN_GRADE, Severity
from hextrackr.models.imports import ImportMode

from . import evidence, journal, sightings
from .staged import LINKED, OF_OUTCOMES, OPENED, OUTCOMES, SEEN

#: Outcome -> severity (0..4) -> number of findings.
Outcomes = dict[str, dict[int, int]]
Advance = Callable[[int], None]
#: Staged findings of one statement: some hundredths of a second, so that progress can be counted.
PIECE = 10_000


_MATCHED = """
    CREATE TEMPORARY TABLE matched (
        number INTEGER {key}, finding_id INTEGER, severity INTEGER, outcome TEXT, seen DATE, was_open BOOLEAN, sighting_id INTEGER)
"""
_MATCH = f"""
    INSERT INTO matched
    SELECT s.number, f.id, o.severity,
           CASE
               WHEN f.id IS NULL THEN 'inserted'
               WHEN o.state <= 0 AND f.lifecycle <> 'resolved' THEN 'resolved'
               WHEN o.state <= 0 THEN 'unchanged'
               WHEN f.lifecycle = 'resolved' OR (o.state = 2 AND f.lifecycle = 'active') THEN 'reopened'
               WHEN o.severity <> f.severity OR coalesce(o.vpr, f.vpr, -1) <> coalesce(f.vpr, -1)
                    OR coalesce(o.cvss, f.cvss, -1) <> coalesce(f.cvss, -1) THEN 'updated'
               ELSE 'unchanged'
           END,
           CASE WHEN {SEEN} > w.day THEN {SEEN} END, f.lifecycle <> 'resolved', f.sighting_id
    FROM {LINKED}
    LEFT JOIN findings f ON f.asset_id = a.asset_id AND f.definition_id = d.definition_id
                        AND f.port = s.port AND f.protocol = o.protocol
    LEFT JOIN sightings w ON w.id = f.sighting_id
    WHERE s.import_id = :import_id AND s.number >= :low AND s.number < :high AND (o.state >= 0 OR f.id IS NOT NULL)
"""
_ALL_NEW = """
    SELECT 'inserted', severity, sum(findings) FROM staging_observations WHERE import_id = :import_id AND state >= 0 GROUP BY severity
"""
_ABSENT = f"""
    CREATE TEMPORARY TABLE absent AS
    SELECT f.id AS finding_id, f.grade % {OPEN_GRADE} AS severity, f.sighting_id
    FROM findings f
    WHERE f.sighting_id IN (SELECT id FROM sightings WHERE source_id = :source_id) AND f.grade >= {OPEN_GRADE} AND {{not_matched}}
"""
_COUNT_ABSENT = "SELECT severity, count(*) FROM absent GROUP BY severity"
_ON_SCANNED_HOSTS = " AND f.asset_id IN (SELECT asset_id FROM staging_assets WHERE import_id = :import_id)"
_NONE = " AND 1 = 0"

_INSERT = f"""
    INSERT INTO findings (source_id, asset_id, definition_id, port, protocol, severity, vpr, cvss,
                          first_seen, sighting_id, lifecycle, resolved_on, opened_by, evidence_id)
    SELECT :source_id, a.asset_id, d.definition_id, s.port, o.protocol, o.severity, o.vpr, o.cvss, {OPENED}, o.sighting_id,
           CASE o.state WHEN 0 THEN 'resolved' WHEN 2 THEN 'reopened' ELSE 'active' END, CASE o.state WHEN 0 THEN :day END, :import_id,
           v.evidence_id
    FROM {LINKED} {evidence.LINKED} WHERE s.import_id = :import_id AND s.number >= :low AND s.number < :high AND o.state >= 0
"""
NEW_ONES = " AND s.number IN (SELECT number FROM matched WHERE outcome = 'inserted')"
_NEW_HERE = (
    " AND s.number IN (SELECT number FROM matched WHERE number >= :low AND number < :high AND outcome = 'inserted')"
)
_UPDATE = f"""
    UPDATE findings SET
        severity = o.severity, vpr = coalesce(o.vpr, findings.vpr), cvss = coalesce(o.cvss, findings.cvss),
        sighting_id = {sightings.REFERS},
        lifecycle = CASE m.outcome WHEN 'reopened' THEN 'reopened' WHEN 'resolved' THEN 'resolved' ELSE findings.lifecycle END,
        resolved_on = CASE m.outcome WHEN 'reopened' THEN NULL WHEN 'resolved' THEN :day ELSE findings.resolved_on END
    FROM {OUTCOMES}
    WHERE {OF_OUTCOMES} AND m.finding_id = findings.id AND m.outcome IN ('updated', 'reopened', 'resolved')
"""
_RESOLVE_ABSENT = f"""
    UPDATE findings SET lifecycle = 'resolved', resolved_on = :day, sighting_id = {sightings.REFERS}
    WHERE id IN (SELECT finding_id FROM absent)
"""
_CHANGE_COLUMNS = (
    "import_id, finding_id, kind, day, severity, vpr, cvss, severity_before, vpr_before, cvss_before, lifecycle_before"
)
_CHANGES = f"""
    INSERT INTO finding_changes ({_CHANGE_COLUMNS})
    SELECT :import_id, f.id, CASE m.outcome WHEN 'updated' THEN 'changed' ELSE m.outcome END, :day,
           o.severity, coalesce(o.vpr, f.vpr), coalesce(o.cvss, f.cvss), f.severity, f.vpr, f.cvss, f.lifecycle
    FROM {OUTCOMES} CROSS JOIN findings f
    WHERE {OF_OUTCOMES} AND f.id = m.finding_id AND m.outcome IN ('updated', 'reopened', 'resolved')
"""
_ABSENT_CHANGES = f"""
    INSERT INTO finding_changes ({_CHANGE_COLUMNS})
    SELECT :import_id, f.id, 'resolved', :day, f.severity, f.vpr, f.cvss, f.severity, f.vpr, f.cvss, f.lifecycle
    FROM absent m JOIN findings f ON f.id = m.finding_id
"""


def _uncounted(_findings: int) -> None:
    """Nobody counts."""


def no_outcomes() -> Outcomes:
    """The outcomes of an import that did nothing."""
    return {name: {} for name in ("inserted", "updated", "reopened", "resolved", "unchanged")}


def match(
    connection: Connection, import_id: int, source_id: int, day: date, *, staged: int, advance: Advance = _uncounted
) -> bool:
    """Fill ``matched``.

    :param day: the scan's date: when a finding was seen whose row does not say.
    :param staged: how many findings are staged; ``advance`` counts them.
    :return: whether the source has no findings yet, so that all are new and ``matched`` is empty.
    """
    parameters = {"import_id": import_id, "source_id": source_id, "day": day}
    drop(connection)
    known = connection.execute(
        statement("SELECT EXISTS (SELECT 1 FROM findings WHERE source_id = :source_id)"), parameters
    ).scalar_one()
    connection.execute(text(_MATCHED.format(key=key(connection))))
    if known:
        _in_pieces(connection, _MATCH, parameters, staged, advance)
        get_to_know(connection, "matched")
    return not known


def conclude(
    connection: Connection, import_id: int, source_id: int, mode: ImportMode, *, holds_open: bool, all_new: bool
) -> Outcomes:
    """Fill ``absent``, and count what the import would do.

    :param holds_open: whether the file holds an open finding; one that does not never resolves by absence.
    :param all_new: what :func:`match` said.
    """
    parameters = {"import_id": import_id, "source_id": source_id}
    scope = {ImportMode.FULL: "", ImportMode.HOSTS: _ON_SCANNED_HOSTS, ImportMode.DELTA: _NONE}[mode]
    absent = _ABSENT.format(not_matched=not_among(connection, "f.id", "matched", "finding_id"))
    nowhere = not holds_open or _all_seen(connection, source_id)
    connection.execute(text(absent + (_NONE if nowhere else scope)), parameters)
    return _outcomes(connection, parameters, all_new)


def compared(connection: Connection, outcomes: Outcomes) -> dict[str, int]:
    """How many findings of the file are on record once the outcomes are applied, by severity: all but those that are absent from it."""
    absent = {row[0]: row[1] for row in connection.execute(text(_COUNT_ABSENT))}
    return {
        severity.name.lower(): sum(numbers.get(severity.value, 0) for numbers in outcomes.values())
        - absent.get(severity.value, 0)
        for severity in Severity
    }


def apply(connection: Connection, import_id: int, source_id: int, day: date, *, all_new: bool) -> None:
    """Write what :func:`match` and :func:`conclude` found into the findings on record, and keep each change of one."""
    parameters = {"import_id": import_id, "source_id": source_id, "day": day}
    journal.keep_findings(connection, import_id)
    sightings.move(connection, import_id, source_id)
    for step in (_CHANGES, _ABSENT_CHANGES, _UPDATE, _RESOLVE_ABSENT):
        connection.execute(statement(step), parameters)
    sightings.refer(connection)
    sightings.link(connection, import_id, source_id, day, all_new=all_new)


def insert(
    connection: Connection,
    import_id: int,
    source_id: int,
    day: date,
    *,
    all_new: bool,
    staged: int,
    advance: Advance = _uncounted,
) -> None:
    """Add the findings that :func:`match` found to be new."""
    parameters = {"import_id": import_id, "source_id": source_id, "day": day}
    added = _INSERT + ("" if all_new else _NEW_HERE) + as_staged(connection, "s.number", staged)
    _in_pieces(connection, added, parameters, staged, advance)


def _in_pieces(connection: Connection, step: str, parameters: dict[str, Any], staged: int, advance: Advance) -> None:
    """Execute a statement for some of the staged findings after the other; their numbers go up to ``staged``."""
    some = pieces(connection, staged, PIECE)
    for low in some:
        connection.execute(statement(step), {**parameters, "low": low, "high": low + some.step})
        advance(min(some.step, staged - low))


def _outcomes(connection: Connection, parameters: dict[str, Any], all_new: bool) -> Outcomes:
    outcomes = no_outcomes()
    changed = "SELECT outcome, severity, count(*) FROM matched WHERE outcome <> 'unchanged' GROUP BY outcome, severity"
    for outcome, severity, count in connection.execute(text(_ALL_NEW if all_new else changed), parameters):
        outcomes[outcome][severity] = count
    for severity, count in connection.execute(text(_COUNT_ABSENT)):
        outcomes["resolved"][severity] = outcomes["resolved"].get(severity, 0) + count
    # Most findings are unchanged: to group them would be to sort them.
    each = ", ".join(f"count(*) FILTER (WHERE severity = {severity.value})" for severity in Severity)
    unchanged = connection.execute(text(f"SELECT {each} FROM matched WHERE outcome = 'unchanged'")).one()
    outcomes["unchanged"] = {
        severity.value: count for severity, count in zip(Severity, unchanged, strict=True) if count
    }
    return outcomes


def _all_seen(connection: Connection, source_id: int) -> bool:
    """Whether the scan has seen every open finding of its source, so that none can be absent."""
    (seen,) = connection.execute(text("SELECT count(*) FROM matched WHERE was_open")).one()
    is_open = (
        "SELECT coalesce(sum(findings), 0) FROM state_totals WHERE source_id = :source_id AND lifecycle <> 'resolved'"
    )
    return bool(seen == connection.execute(text(is_open), {"source_id": source_id}).scalar_one())


def drop(connection: Connection) -> None:
    """Remove the temporary tables, if they are there."""
    for table in ("matched", "absent"):
        connection.execute(text(f"DROP TABLE IF EXISTS {table}"))
