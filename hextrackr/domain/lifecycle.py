"""Promotes staged findings: compares them with the record, and applies what is new, changed, reopened and resolved.

The comparison is a temporary table, ``matched``: the number of each staged finding with its outcome and, where the record has it, the id
of the finding, that of its sighting, when it was seen if that is later than the record says, and since when it has been there if that
is earlier. A second one, ``absent``, holds the open findings the scan should have seen and did not. All is read only until
:func:`apply`, so that the guard can look at them first. A source without findings has nothing to compare with: then all that is staged
is new.

A file without ports, or without protocols, is compared without them; what such a file has put on record gets them from the next file that
has any (see :mod:`.unlocated`). Then, and where a staged host is several assets on record (see
:mod:`.identity`), a staged finding may be several findings: all that are open, else the last that was.

What the scan did not check is left as it was: a row without a verdict has the outcome ``unchecked``, which changes nothing, and what a
rejected row is about (``staging_unchecked``) is never absent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, text

from hextrackr.db.dialects import analyse, as_staged, key, not_among, pieces, statement

from . import evidence, sightings, undo_log, unlocated
from .fields import FINDING, listed
from .models import ImportMode, Severity
from .staged_sql import FIXED_ON, IS_KEPT, LINKED, OF_OUTCOMES, OPENED, OUTCOMES, SEEN, THERE_SINCE
from .verdicts import FIXED, NO_VERDICT, RESURFACED

#: Outcome -> severity (0..4) -> number of findings.
Outcomes = dict[str, dict[int, int]]
Advance = Callable[[int], None]


@dataclass(frozen=True)
class Places:
    """What a file says of where its findings are.

    :ivar ports: whether it has a column of ports, and ``protocols`` whether it names any protocol.
    :ivar no_ports: whether the file before of the same source had no ports, and ``no_protocols`` no protocols.
    """

    ports: bool = True
    protocols: bool = True
    no_ports: bool = False
    no_protocols: bool = False


EVERYWHERE = Places()
#: Staged findings of one statement: some hundredths of a second, so that progress can be counted.
PIECE = 10_000


_MATCHED = """
    CREATE TEMPORARY TABLE matched (
        number INTEGER {key}, finding_id INTEGER, severity INTEGER, outcome TEXT, seen DATE, was_open BOOLEAN, sighting_id INTEGER,
        earlier DATE)
"""
#: What a scan does not say of a finding, it leaves as it was.
_SAYS_OTHERWISE = listed(FINDING, "(o.{name} IS NOT NULL AND (f.{name} IS NULL OR o.{name} <> f.{name}))", " OR ")
_OUTCOME = f"""
    CASE
        WHEN f.id IS NULL THEN 'inserted'
        WHEN o.state = {NO_VERDICT} THEN 'unchecked'
        WHEN o.state < 0 AND f.lifecycle <> 'resolved' THEN 'resolved'
        WHEN o.state < 0 THEN 'unchanged'
        WHEN f.lifecycle = 'resolved' OR (o.state = {RESURFACED} AND f.lifecycle = 'active') THEN 'reopened'
        WHEN o.severity <> f.severity OR {_SAYS_OTHERWISE} THEN 'updated'
        ELSE 'unchanged'
    END
"""
_SAYS = f"""
    INSERT INTO matched
    SELECT s.number, f.id, o.severity, {_OUTCOME}, CASE WHEN {SEEN} > w.day THEN {SEEN} END, f.lifecycle <> 'resolved', f.sighting_id,
           CASE WHEN {THERE_SINCE} < f.first_seen THEN {THERE_SINCE} END
    FROM {LINKED}
"""
_STAGED_HERE = "s.import_id = :import_id AND s.number >= :low AND s.number < :high"
_MATCH = f"""
    {_SAYS}
    LEFT JOIN findings f ON f.asset_id = a.asset_id AND f.definition_id = d.definition_id {{same}}
    LEFT JOIN sightings w ON w.id = f.sighting_id
    WHERE {_STAGED_HERE} AND ({IS_KEPT} OR f.id IS NOT NULL)
"""
#: The other assets that a staged host is linked to.
_MATCH_OTHERS = f"""
    {_SAYS}
    JOIN host_links l ON l.number = s.asset_number AND NOT l.is_first
    JOIN findings f ON f.asset_id = l.asset_id AND f.definition_id = d.definition_id {{same}}
    LEFT JOIN sightings w ON w.id = f.sighting_id
    WHERE {_STAGED_HERE}
"""
#: Findings that the file before could not locate.
_MATCH_LOCATED = f"""
    {_SAYS}
    JOIN located t ON t.number = s.number
    JOIN findings f ON f.id = t.finding_id
    LEFT JOIN sightings w ON w.id = f.sighting_id
    WHERE s.import_id = :import_id
"""
_SAME_PORT, _SAME_PROTOCOL = "AND f.port = s.port", "AND f.protocol = o.protocol"
#: Of several findings that one staged finding may be: those that are open, else the last that was.
_SEVERAL = (
    "CREATE INDEX ix_matched_number ON matched (number, was_open)",
    "DELETE FROM matched WHERE finding_id IS NULL AND number IN (SELECT number FROM matched WHERE finding_id IS NOT NULL)",
    "DELETE FROM matched WHERE NOT was_open AND number IN (SELECT number FROM matched WHERE was_open)",
    """
    DELETE FROM matched WHERE NOT was_open AND finding_id NOT IN (
        SELECT max(finding_id) FROM matched WHERE NOT was_open GROUP BY number)
    """,
)
_ALL_NEW = f"""
    SELECT 'inserted', severity, sum(findings) FROM staging_observations o WHERE import_id = :import_id AND {IS_KEPT} GROUP BY severity
"""
_ABSENT = """
    CREATE TEMPORARY TABLE absent AS
    SELECT f.id AS finding_id, f.severity, f.sighting_id
    FROM findings f
    WHERE f.sighting_id IN (SELECT id FROM sightings WHERE source_id = :source_id) AND f.is_open = TRUE AND {not_matched}
"""
#: What the rejected rows are about, as it is on record. NULL stands for any.
_UNCHECKED = """
    CREATE TEMPORARY TABLE unchecked AS
    SELECT l.asset_id, d.definition_id, u.port, u.protocol
    FROM staging_unchecked u JOIN host_links l ON l.number = u.asset_number
    LEFT JOIN staging_definitions d ON d.import_id = u.import_id AND d.number = u.definition_number
    WHERE u.import_id = :import_id AND (u.definition_number IS NULL OR d.definition_id IS NOT NULL)
"""
_IS_UNCHECKED = """
    EXISTS (SELECT 1 FROM unchecked u JOIN findings f ON f.id = absent.finding_id
            WHERE u.asset_id = f.asset_id AND (u.definition_id IS NULL OR u.definition_id = f.definition_id)
              {same_port} {same_protocol})
"""
_SAME_PORT_UNCHECKED = "AND (u.port IS NULL OR u.port = f.port {or_nowhere})"
_SAME_PROTOCOL_UNCHECKED = "AND (u.protocol IS NULL OR u.port IS NULL OR u.protocol = f.protocol {or_nowhere})"
_ANYTHING_UNCHECKED = """
    SELECT count(*), count(*) FILTER (WHERE asset_number IS NULL) FROM staging_unchecked WHERE import_id = :import_id
"""
_NO_VERDICT_OF_OPEN = "SELECT count(*) FROM matched WHERE outcome = 'unchecked' AND was_open"
_COUNT_ABSENT = "SELECT severity, count(*) FROM absent GROUP BY severity"
_ON_SCANNED_HOSTS = " AND f.asset_id IN (SELECT asset_id FROM host_links)"
_NONE = " AND 1 = 0"


def not_before_seen(day: str) -> str:
    """SQL: a day on which one of the ``findings`` can have been resolved: not before it was seen first."""
    return f"CASE WHEN {day} < findings.first_seen THEN findings.first_seen ELSE {day} END"


_INSERT = f"""
    INSERT INTO findings (source_id, asset_id, definition_id, port, protocol, severity, {listed(FINDING)},
                          first_seen, sighting_id, lifecycle, resolved_on, opened_by, evidence_id)
    SELECT :source_id, a.asset_id, d.definition_id, s.port, o.protocol, o.severity, {listed(FINDING, "o.{name}")}, {OPENED}, o.sighting_id,
           CASE o.state WHEN {FIXED} THEN 'resolved' WHEN {RESURFACED} THEN 'reopened' ELSE 'active' END,
           CASE o.state WHEN {FIXED} THEN {FIXED_ON} END, :import_id, v.evidence_id
    FROM {LINKED} {evidence.LINKED} WHERE {_STAGED_HERE} AND {IS_KEPT}
"""
NEW_ONES = " AND s.number IN (SELECT number FROM matched WHERE outcome = 'inserted')"
_NEW_HERE = (
    " AND s.number IN (SELECT number FROM matched WHERE number >= :low AND number < :high AND outcome = 'inserted')"
)
_UPDATE = f"""
    UPDATE findings SET
        severity = o.severity, {listed(FINDING, "{name} = coalesce(o.{name}, findings.{name})")},
        sighting_id = {sightings.REFERS},
        lifecycle = CASE m.outcome WHEN 'reopened' THEN 'reopened' WHEN 'resolved' THEN 'resolved' ELSE findings.lifecycle END,
        resolved_on = CASE m.outcome WHEN 'reopened' THEN NULL WHEN 'resolved' THEN {not_before_seen("coalesce(o.resolved_on, :day)")}
                                     ELSE findings.resolved_on END
    FROM {OUTCOMES}
    WHERE {OF_OUTCOMES} AND m.finding_id = findings.id AND m.outcome IN ('updated', 'reopened', 'resolved')
"""
_SEEN_EARLIER = """
    UPDATE findings SET first_seen = m.earlier
    FROM matched m WHERE m.finding_id = findings.id AND m.earlier IS NOT NULL
"""
_RESOLVE_ABSENT = f"""
    UPDATE findings SET lifecycle = 'resolved', resolved_on = {not_before_seen(":day")}, sighting_id = {sightings.REFERS}
    WHERE id IN (SELECT finding_id FROM absent)
"""
#: What changed, and the values before.
CHANGE_COLUMNS = f"""
    import_id, finding_id, kind, day, severity, {listed(FINDING)}, severity_before, {listed(FINDING, "{name}_before")}, lifecycle_before
"""
_BEFORE = f"""f.severity, {listed(FINDING, "f.{name}")}, f.lifecycle"""
_CHANGES = f"""
    INSERT INTO finding_changes ({CHANGE_COLUMNS})
    SELECT :import_id, f.id, CASE m.outcome WHEN 'updated' THEN 'changed' ELSE m.outcome END, :day,
           o.severity, {listed(FINDING, "coalesce(o.{name}, f.{name})")}, {_BEFORE}
    FROM {OUTCOMES} CROSS JOIN findings f
    WHERE {OF_OUTCOMES} AND f.id = m.finding_id AND m.outcome IN ('updated', 'reopened', 'resolved')
"""
_ABSENT_CHANGES = f"""
    INSERT INTO finding_changes ({CHANGE_COLUMNS})
    SELECT :import_id, f.id, 'resolved', :day, f.severity, {listed(FINDING, "f.{name}")}, {_BEFORE}
    FROM absent m JOIN findings f ON f.id = m.finding_id
"""


def _uncounted(_findings: int) -> None:
    """Nobody counts."""


def no_outcomes() -> Outcomes:
    """The outcomes of an import that did nothing."""
    return {name: {} for name in ("inserted", "updated", "reopened", "resolved", "unchanged")}


def match(
    connection: Connection,
    import_id: int,
    source_id: int,
    day: date,
    *,
    staged: int,
    places: Places = EVERYWHERE,
    advance: Advance = _uncounted,
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
    others = connection.execute(text("SELECT EXISTS (SELECT 1 FROM host_links WHERE NOT is_first)")).scalar_one()
    several = bool(others) or not places.ports or not places.protocols
    connection.execute(text(_MATCHED.format(key="" if several else key(connection))))
    if known:
        same = f"{_SAME_PORT if places.ports else ''} {_SAME_PROTOCOL if places.protocols else ''}"
        _in_pieces(connection, _MATCH.format(same=same), parameters, staged, advance)
        if others:
            _in_pieces(connection, _MATCH_OTHERS.format(same=same), parameters, staged, _uncounted)
        for step in _SEVERAL if several else ():
            connection.execute(text(step))
        if unlocated.find(connection, import_id, places):
            connection.execute(statement(_MATCH_LOCATED), parameters)
        analyse(connection, "matched")
    return not known


def conclude(
    connection: Connection,
    import_id: int,
    source_id: int,
    mode: ImportMode,
    *,
    holds_open: bool,
    all_new: bool,
    places: Places = EVERYWHERE,
) -> tuple[Outcomes, int]:
    """Fill ``absent``, and count what the import would do; and how many open findings it has not checked.

    :param holds_open: whether the file holds an open finding; one that does not never resolves by absence.
    :param all_new: what :func:`match` said.
    """
    parameters = {"import_id": import_id, "source_id": source_id}
    scope = {ImportMode.FULL: "", ImportMode.HOSTS: _ON_SCANNED_HOSTS, ImportMode.DELTA: _NONE}[mode]
    absent = _ABSENT.format(not_matched=not_among(connection, "f.id", "matched", "finding_id"))
    nowhere = not holds_open or _all_seen(connection, source_id)
    connection.execute(text(absent + (_NONE if nowhere else scope)), parameters)
    same = {
        "same_port": _same_unchecked(_SAME_PORT_UNCHECKED, unlocated.NO_PORT if places.no_ports else "")
        if places.ports
        else "",
        "same_protocol": _same_unchecked(_SAME_PROTOCOL_UNCHECKED, unlocated.NO_PROTOCOL if places.no_protocols else "")
        if places.ports and places.protocols
        else "",
    }
    unchecked = _leave_unchecked(connection, import_id, same)
    return _outcomes(connection, parameters, all_new), unchecked


def _same_unchecked(condition: str, nowhere: str) -> str:
    return condition.format(or_nowhere=f"OR {nowhere}" if nowhere else "")


def _leave_unchecked(connection: Connection, import_id: int, same: dict[str, str]) -> int:
    """Take out of ``absent`` what rejected rows are about, and return how many open findings the scan has not checked in all.

    A rejected row protects its finding; one that names no definition its host; one that names no host the whole source.
    """
    (no_verdict,) = connection.execute(text(_NO_VERDICT_OF_OPEN)).one()
    rejected, anything = connection.execute(text(_ANYTHING_UNCHECKED), {"import_id": import_id}).one()
    if not rejected:
        return int(no_verdict)
    connection.execute(text(_UNCHECKED), {"import_id": import_id})
    left = "DELETE FROM absent" + ("" if anything else f" WHERE {_IS_UNCHECKED.format(**same)}")
    return int(no_verdict) + connection.execute(text(left)).rowcount


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
    undo_log.keep_findings(connection, import_id)
    see_earlier(connection, import_id)
    if not all_new:
        undo_log.keep_places(connection, import_id)
        unlocated.take_over(connection)
    sightings.move(connection, import_id, source_id)
    for step in (_CHANGES, _ABSENT_CHANGES, _UPDATE, _RESOLVE_ABSENT):
        connection.execute(statement(step), parameters)
    sightings.refer(connection)
    sightings.link(connection, import_id, source_id, day, all_new=all_new)


def see_earlier(connection: Connection, import_id: int) -> None:
    """Let findings have been there since when ``matched`` tells that they were seen, if that is earlier than the record says."""
    undo_log.keep_first_seen(connection, import_id)
    connection.execute(text(_SEEN_EARLIER))


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
    changed = "SELECT outcome, severity, count(*) FROM matched WHERE outcome NOT IN ('unchanged', 'unchecked') GROUP BY outcome, severity"
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
    for table in ("matched", "absent", "unchecked"):
        connection.execute(text(f"DROP TABLE IF EXISTS {table}"))
    unlocated.drop(connection)
