"""Decide what a scan does to the findings of its source, and write it.

The outcome of a finding depends on the verdict of its row in the scan (:mod:`.verdicts`) and on its state in the record:

==================  ====================  =================================  =====================
the row says        not on record         open                               resolved
==================  ====================  =================================  =====================
open                inserted, active      updated if its severity or one of  reopened
                                          its values differs, else
                                          unchanged
resurfaced          inserted, reopened    reopened if it was active,         reopened
                                          else as open
fixed               inserted, resolved    resolved                           unchanged
passed              (not added)           resolved                           unchanged
no verdict          (not added)           unchecked: left as it was          unchecked
(no row: absent)                          resolved if the scan looked        left as it was
==================  ====================  =================================  =====================

A value that a row leaves out counts as no difference and erases nothing. Whether the scan looked at an absent finding depends on its mode
(:class:`.models.ImportMode`), and on its rejected rows: the finding or host of such a row was not checked. A file without an open finding
resolves nothing by absence. A scan older than the newest one of its source does not change the current state, see :mod:`.backdated`.

The days:

- *first seen*: the day in the row, else the day on which it was seen. It only ever gets earlier, if a later scan has an earlier day.
- *last seen*: the day in the row, else the day of the scan. It only ever gets later, see :mod:`.sightings`. A check that found nothing has
  not seen the finding.
- *resolved on*: the day of the fix in the row, else the day of the scan; never before the finding was first seen. A reopened finding has
  none.

The tables, all temporary:

- ``matched`` has the staged findings with their outcomes, ``absent`` the open findings of the source that are not in the file and would be
  resolved. Both are filled before :func:`apply` and :func:`insert` write anything, so that the guard can examine them. For a source
  without findings there is nothing to compare: then all staged findings are new, and ``matched`` is empty.
- ``located`` has the findings that get a port or a protocol. A file without ports, or without protocols, is compared without them; its new
  findings get them from the next file that has some.

So a staged finding can match several in the record; also if a staged host is several assets (:mod:`.identity`). Then it is all of them
that are open, else the one that was added last.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, text

from hextrackr.db.dialects import analyse, as_staged, key, not_among, pieces, statement

from . import evidence, sightings, undo
from .fields import FINDING, listed
from .models import ImportMode, Severity, is_open
from .staged import FIRST_SEEN, FIXED_ON, IS_KEPT, LAST_SEEN, LINKED, MATCHED, OBSERVED, OF_MATCHED, SEEN_SINCE, Scan
from .verdicts import FIXED, NO_VERDICT, PASSED, RESURFACED

#: Outcome -> severity (0..4) -> number of findings.
Outcomes = dict[str, dict[int, int]]
Advance = Callable[[int], None]

#: Staged findings of one statement: some hundredths of a second, so that progress can be counted.
PIECE = 10_000

# The rules. ``f`` is the finding on record, ``o`` its observation in the scan.

_NOT_ON_RECORD = "f.id IS NULL"
_HAS_NO_VERDICT = f"o.state = {NO_VERDICT}"
_IS_FIXED_OR_PASSED = f"o.state IN ({FIXED}, {PASSED})"
_WAS_OPEN = is_open("f.lifecycle")
_WAS_RESOLVED = f"NOT ({_WAS_OPEN})"
_HAS_RESURFACED = f"o.state = {RESURFACED} AND f.lifecycle = 'active'"
_DIFFERS = "o.severity <> f.severity OR " + listed(
    FINDING, "(o.{name} IS NOT NULL AND (f.{name} IS NULL OR o.{name} <> f.{name}))", " OR "
)
#: Findings of an earlier file without ports, or without protocols.
_OR_NO_PORT, _OR_NO_PROTOCOL = "OR f.port = 0", "OR f.protocol = ''"
#: The table above: the first rule that applies.
_OUTCOME = f"""
    CASE
        WHEN {_NOT_ON_RECORD} THEN 'inserted'
        WHEN {_HAS_NO_VERDICT} THEN 'unchecked'
        WHEN {_IS_FIXED_OR_PASSED} AND {_WAS_OPEN} THEN 'resolved'
        WHEN {_IS_FIXED_OR_PASSED} THEN 'unchanged'
        WHEN {_WAS_RESOLVED} THEN 'reopened'
        WHEN {_HAS_RESURFACED} THEN 'reopened'
        WHEN {_DIFFERS} THEN 'updated'
        ELSE 'unchanged'
    END
"""
#: The state of a new finding.
_NEW_LIFECYCLE = f"CASE o.state WHEN {FIXED} THEN 'resolved' WHEN {RESURFACED} THEN 'reopened' ELSE 'active' END"
#: The outcomes that change a finding on record.
_CHANGED = "m.outcome IN ('updated', 'reopened', 'resolved')"


def _not_before_seen(day: str) -> str:
    """SQL: the day on which one of the ``findings`` was resolved, but not before it was first seen."""
    return f"CASE WHEN {day} < findings.first_seen THEN findings.first_seen ELSE {day} END"


def no_outcomes() -> Outcomes:
    """The outcomes of an import that did nothing."""
    return {name: {} for name in ("inserted", "updated", "reopened", "resolved", "unchanged")}


def _uncounted(_findings: int) -> None:
    """Count nothing."""


# Compare the staged findings with the record


def compare(connection: Connection, scan: Scan, advance: Advance = _uncounted) -> bool:
    """Fill ``matched``, and ``located`` with the findings that get a port or protocol.

    :param advance: counts the staged findings.
    :return: whether the source has no findings yet, so that all are new and ``matched`` is empty.
    """
    drop(connection)
    has_others = connection.execute(text("SELECT EXISTS (SELECT 1 FROM host_links WHERE NOT is_first)")).scalar_one()
    can_be_several = has_others or not scan.places.ports or not scan.places.protocols
    _create_tables(connection, one_each=not can_be_several)
    on_record = "SELECT EXISTS (SELECT 1 FROM findings WHERE source_id = :source_id)"
    if not connection.execute(text(on_record), scan.parameters).scalar_one():
        return True
    same = "f.definition_id = d.definition_id"
    same += " AND f.port = s.port" if scan.places.ports else ""
    same += " AND f.protocol = o.protocol" if scan.places.protocols else ""
    _match(
        connection, scan, f"LEFT JOIN findings f ON f.asset_id = a.asset_id AND {same}",
        f"AND ({IS_KEPT} OR f.id IS NOT NULL)", advance,
    )  # fmt: skip
    if has_others:
        _match(
            connection, scan,
            f"""
            JOIN host_links l ON l.number = s.asset_number AND NOT l.is_first
            JOIN findings f ON f.asset_id = l.asset_id AND {same}
            """,
        )  # fmt: skip
    if can_be_several:
        _choose_among_several(connection)
    if _locate(connection, scan):
        _match(connection, scan, "JOIN located t ON t.number = s.number JOIN findings f ON f.id = t.finding_id")
    analyse(connection, "matched")
    return False


def _create_tables(connection: Connection, *, one_each: bool) -> None:
    connection.execute(
        text(f"""
        CREATE TEMPORARY TABLE matched (
            number INTEGER {key(connection) if one_each else ""}, finding_id INTEGER, severity INTEGER, outcome TEXT,
            seen DATE,  -- when it was last seen, if that is later than in the record
            was_open BOOLEAN, sighting_id INTEGER,
            earlier DATE  -- when it was first seen, if that is earlier than in the record
        )""")
    )
    connection.execute(
        text("""
        CREATE TEMPORARY TABLE located (
            finding_id INTEGER PRIMARY KEY, number INTEGER NOT NULL, port INTEGER NOT NULL, protocol TEXT NOT NULL)
        """)
    )


def _match(connection: Connection, scan: Scan, join: str, condition: str = "", advance: Advance = _uncounted) -> None:
    """Add staged findings to ``matched``.

    :param join: SQL that joins them with the findings on record (``f``).
    :param condition: SQL that selects the ones to add.
    """
    _in_pieces(
        connection,
        f"""
        INSERT INTO matched (number, finding_id, severity, outcome, seen, was_open, sighting_id, earlier)
        SELECT s.number, f.id, o.severity, {_OUTCOME}, CASE WHEN {LAST_SEEN} > w.day THEN {LAST_SEEN} END, {_WAS_OPEN}, f.sighting_id,
               CASE WHEN {SEEN_SINCE} < f.first_seen THEN {SEEN_SINCE} END
        FROM {LINKED} {join}
        LEFT JOIN sightings w ON w.id = f.sighting_id
        WHERE s.import_id = :import_id AND s.number >= :low AND s.number < :high {condition}
        """,
        scan,
        advance,
    )


def _choose_among_several(connection: Connection) -> None:
    """If a staged finding matches several, leave only the open ones in ``matched``, else the one that was added last."""
    for step in (
        "CREATE INDEX ix_matched_number ON matched (number, was_open)",
        "DELETE FROM matched WHERE finding_id IS NULL AND number IN (SELECT number FROM matched WHERE finding_id IS NOT NULL)",
        "DELETE FROM matched WHERE NOT was_open AND number IN (SELECT number FROM matched WHERE was_open)",
        """
        DELETE FROM matched WHERE NOT was_open AND finding_id NOT IN (
            SELECT max(finding_id) FROM matched WHERE NOT was_open GROUP BY number)
        """,
    ):
        connection.execute(text(step))


def _locate(connection: Connection, scan: Scan) -> bool:
    """Match findings of an earlier file without ports, or without protocols, with staged ones that have them.

    Of the unmatched staged findings of the same host and definition the first is matched, an open one before one that is not. The
    ``located`` ones are removed from ``matched``.

    :return: whether there are any.
    """
    places = scan.places
    port_is_new, protocol_is_new = places.ports and places.no_ports, places.protocols and places.no_protocols
    if not port_is_new and not protocol_is_new:
        return False
    unlocated = " OR ".join(["f.port = 0"] * port_is_new + ["f.protocol = ''"] * protocol_is_new)
    same_port = f"AND (f.port = s.port {_OR_NO_PORT if port_is_new else ''})" if places.ports else ""
    same_protocol = (
        f"AND (f.protocol = o.protocol {_OR_NO_PROTOCOL if protocol_is_new else ''})" if places.protocols else ""
    )
    analyse(connection, "matched")
    connection.execute(text("CREATE INDEX ix_matched_finding_id ON matched (finding_id)"))
    found = connection.execute(
        text(f"""
        INSERT INTO located (finding_id, number, port, protocol)
        SELECT finding_id, number, port, protocol FROM (
            SELECT *, row_number() OVER (PARTITION BY number ORDER BY finding_id) AS of_number FROM (
                SELECT f.id AS finding_id, s.number,
                       {"s.port" if places.ports else "f.port"} AS port,
                       {"o.protocol" if places.protocols else "f.protocol"} AS protocol,
                       row_number() OVER (PARTITION BY f.id ORDER BY CASE WHEN o.state > 0 THEN 0 ELSE 1 END, s.number) AS of_finding
                FROM {OBSERVED}
                JOIN staging_definitions d ON d.import_id = s.import_id AND d.number = s.definition_number
                JOIN host_links l ON l.number = s.asset_number
                JOIN findings f ON f.asset_id = l.asset_id AND f.definition_id = d.definition_id AND ({unlocated})
                               {same_port} {same_protocol}
                WHERE s.import_id = :import_id
                  AND NOT EXISTS (SELECT 1 FROM matched m WHERE m.finding_id = f.id)
                  AND NOT EXISTS (SELECT 1 FROM matched m WHERE m.number = s.number AND m.finding_id IS NOT NULL)
            ) AS ranked WHERE of_finding = 1
        ) AS once WHERE of_number = 1
        """),
        scan.parameters,
    )
    connection.execute(text("DELETE FROM matched WHERE number IN (SELECT number FROM located)"))
    return found.rowcount > 0


# Find absent findings


def find_absent(connection: Connection, scan: Scan) -> int:
    """Fill ``absent``, once ``matched`` is filled.

    :return: the number of open findings that the scan has not checked: those of rows without a verdict, and of rejected rows.
    """
    open_of_source = f"""
        f.sighting_id IN (SELECT id FROM sightings WHERE source_id = :source_id) AND f.is_open = TRUE
        AND {not_among(connection, "f.id", "matched", "finding_id")}
    """
    looked = {
        ImportMode.FULL: "",
        ImportMode.HOSTS: "AND f.asset_id IN (SELECT asset_id FROM host_links)",
        ImportMode.DELTA: "AND 1 = 0",
    }[scan.mode]
    if scan.open_staged == 0 or _all_are_matched(connection, scan):
        looked = "AND 1 = 0"
    connection.execute(
        text(f"""
        CREATE TEMPORARY TABLE absent AS
        SELECT f.id AS finding_id, f.severity, f.sighting_id FROM findings f WHERE {open_of_source} {looked}
        """),
        scan.parameters,
    )
    no_verdict = "SELECT count(*) FROM matched WHERE outcome = 'unchecked' AND was_open"
    return int(connection.execute(text(no_verdict)).scalar_one()) + _leave_unchecked(connection, scan)


def _all_are_matched(connection: Connection, scan: Scan) -> bool:
    """Whether the scan has every open finding of its source, so that none can be absent; found out from the totals alone."""
    (is_equal,) = connection.execute(
        text(f"""
        SELECT (SELECT count(*) FROM matched WHERE was_open)
             = (SELECT coalesce(sum(findings), 0) FROM state_totals WHERE source_id = :source_id AND {is_open("lifecycle")})
        """),
        scan.parameters,
    ).one()
    return bool(is_equal)


def _leave_unchecked(connection: Connection, scan: Scan) -> int:
    """Remove the findings of rejected rows from ``absent``, and return how many they are.

    A rejected row protects its finding; one without a definition its whole host; one without a host the whole source. If a rejected row, or
    a finding on record, has no port or protocol, it matches any.
    """
    rejected, without_host = connection.execute(
        text("""
        SELECT count(*), count(*) FILTER (WHERE asset_number IS NULL) FROM staging_unchecked WHERE import_id = :import_id
        """),
        scan.parameters,
    ).one()
    if not rejected:
        return 0
    if without_host:
        return connection.execute(text("DELETE FROM absent")).rowcount
    places = scan.places
    or_no_port = _OR_NO_PORT if places.no_ports else ""
    or_no_protocol = _OR_NO_PROTOCOL if places.no_protocols else ""
    same_place = ""
    if places.ports:
        same_place += f"AND (u.port IS NULL OR u.port = f.port {or_no_port})"
    if places.ports and places.protocols:
        same_place += f"AND (u.protocol IS NULL OR u.port IS NULL OR u.protocol = f.protocol {or_no_protocol})"
    return connection.execute(
        text(f"""
        DELETE FROM absent WHERE finding_id IN (
            SELECT f.id FROM staging_unchecked u
            JOIN host_links l ON l.number = u.asset_number
            JOIN findings f ON f.asset_id = l.asset_id
            LEFT JOIN staging_definitions d ON d.import_id = u.import_id AND d.number = u.definition_number
            WHERE u.import_id = :import_id AND (u.definition_number IS NULL OR d.definition_id = f.definition_id) {same_place})
        """),
        scan.parameters,
    ).rowcount


# Count the outcomes


def count_outcomes(connection: Connection, scan: Scan, *, all_new: bool) -> Outcomes:
    """Count what :func:`apply` and :func:`insert` will do.

    :param all_new: the result of :func:`compare`.
    """
    outcomes = no_outcomes()
    if all_new:
        outcomes["inserted"] = _by_severity(
            connection,
            f"""
            SELECT severity, sum(findings) FROM staging_observations o
            WHERE import_id = :import_id AND {IS_KEPT} GROUP BY severity
            """,
            scan,
        )
        return outcomes
    changed = connection.execute(
        text("""
        SELECT outcome, severity, count(*) FROM matched WHERE outcome NOT IN ('unchanged', 'unchecked') GROUP BY outcome, severity
        """)
    )
    for outcome, severity, count in changed:
        outcomes[outcome][severity] = count
    for severity, count in absent_by_severity(connection).items():
        outcomes["resolved"][severity] = outcomes["resolved"].get(severity, 0) + count
    # Most findings are unchanged, and grouping them would sort them.
    each = ", ".join(f"count(*) FILTER (WHERE severity = {severity.value})" for severity in Severity)
    unchanged = connection.execute(text(f"SELECT {each} FROM matched WHERE outcome = 'unchanged'")).one()
    outcomes["unchanged"] = {
        severity.value: count for severity, count in zip(Severity, unchanged, strict=True) if count
    }
    return outcomes


def absent_by_severity(connection: Connection) -> dict[int, int]:
    """Count the absent findings by severity."""
    return _by_severity(connection, "SELECT severity, count(*) FROM absent GROUP BY severity")


def compared(connection: Connection, outcomes: Outcomes) -> dict[str, int]:
    """Count, by severity, the findings of the file that are on record after the outcomes: all but the absent ones."""
    absent = absent_by_severity(connection)
    return {
        severity.name.lower(): sum(numbers.get(severity.value, 0) for numbers in outcomes.values())
        - absent.get(severity.value, 0)
        for severity in Severity
    }


def _by_severity(connection: Connection, counted: str, scan: Scan | None = None) -> dict[int, int]:
    rows = connection.execute(text(counted), scan.parameters if scan else {})
    return {severity: count for severity, count in rows}


# Write the changes


def apply(connection: Connection, scan: Scan, *, all_new: bool) -> None:
    """Write the changes of the findings on record, with the history of each."""
    undo.keep_findings(connection, scan.import_id)
    see_earlier(connection, scan.import_id)
    _take_over_places(connection, scan.import_id)
    sightings.move(connection, scan.import_id, scan.source_id)
    _note_changes(connection, scan)
    _update_matched(connection, scan)
    _resolve_absent(connection, scan)
    sightings.refer(connection)
    sightings.link(connection, scan, all_new=all_new)


def see_earlier(connection: Connection, import_id: int) -> None:
    """Set the earlier days on which findings in ``matched`` were first seen."""
    undo.keep_first_seen(connection, import_id)
    connection.execute(
        text("""
        UPDATE findings SET first_seen = m.earlier FROM matched m WHERE m.finding_id = findings.id AND m.earlier IS NOT NULL
        """)
    )


def _take_over_places(connection: Connection, import_id: int) -> None:
    """Set the ports and protocols of the findings in ``located``."""
    undo.keep_places(connection, import_id)
    connection.execute(
        text("""
        UPDATE findings SET port = t.port, protocol = t.protocol FROM located t WHERE t.finding_id = findings.id
        """)
    )


#: The columns of a change: what it is, and the values after and before it.
CHANGE_COLUMNS = f"""
    import_id, finding_id, kind, day, severity, {listed(FINDING)}, severity_before, {listed(FINDING, "{name}_before")}, lifecycle_before
"""


def _note_changes(connection: Connection, scan: Scan) -> None:
    """Write the coming changes into the history."""
    before = f"f.severity, {listed(FINDING, 'f.{name}')}, f.lifecycle"
    for changes in (
        f"""
        INSERT INTO finding_changes ({CHANGE_COLUMNS})
        SELECT :import_id, f.id, CASE m.outcome WHEN 'updated' THEN 'changed' ELSE m.outcome END, :day,
               o.severity, {listed(FINDING, "coalesce(o.{name}, f.{name})")}, {before}
        FROM {MATCHED} CROSS JOIN findings f
        WHERE {OF_MATCHED} AND f.id = m.finding_id AND {_CHANGED}
        """,
        f"""
        INSERT INTO finding_changes ({CHANGE_COLUMNS})
        SELECT :import_id, f.id, 'resolved', :day, f.severity, {listed(FINDING, "f.{name}")}, {before}
        FROM absent b JOIN findings f ON f.id = b.finding_id
        """,
    ):
        connection.execute(statement(changes), scan.parameters)


def _update_matched(connection: Connection, scan: Scan) -> None:
    """Write the values of the scan into the findings that it updates, reopens or resolves."""
    connection.execute(
        statement(f"""
        UPDATE findings SET
            severity = o.severity,
            {listed(FINDING, "{name} = coalesce(o.{name}, findings.{name})")},
            sighting_id = {sightings.REFERS},
            lifecycle = CASE m.outcome WHEN 'reopened' THEN 'reopened' WHEN 'resolved' THEN 'resolved' ELSE findings.lifecycle END,
            resolved_on = CASE m.outcome WHEN 'reopened' THEN NULL
                                         WHEN 'resolved' THEN {_not_before_seen("coalesce(o.resolved_on, :day)")}
                                         ELSE findings.resolved_on END
        FROM {MATCHED}
        WHERE {OF_MATCHED} AND m.finding_id = findings.id AND {_CHANGED}
        """),
        scan.parameters,
    )


def _resolve_absent(connection: Connection, scan: Scan) -> None:
    connection.execute(
        statement(f"""
        UPDATE findings SET lifecycle = 'resolved', resolved_on = {_not_before_seen(":day")}, sighting_id = {sightings.REFERS}
        WHERE id IN (SELECT finding_id FROM absent)
        """),
        scan.parameters,
    )


#: The columns of a new finding.
FINDING_COLUMNS = f"""
    source_id, asset_id, definition_id, port, protocol, severity, {listed(FINDING)},
    first_seen, sighting_id, lifecycle, resolved_on, opened_by, evidence_id
"""
#: SQL: a staged finding is new, if not all are.
IS_NEW = "s.number IN (SELECT number FROM matched WHERE outcome = 'inserted')"


def insert(connection: Connection, scan: Scan, *, all_new: bool, advance: Advance = _uncounted) -> None:
    """Insert the new findings."""
    is_new = "s.number IN (SELECT number FROM matched WHERE number >= :low AND number < :high AND outcome = 'inserted')"
    _in_pieces(
        connection,
        f"""
        INSERT INTO findings ({FINDING_COLUMNS})
        SELECT :source_id, a.asset_id, d.definition_id, s.port, o.protocol, o.severity, {listed(FINDING, "o.{name}")},
               {FIRST_SEEN}, o.sighting_id, {_NEW_LIFECYCLE}, CASE o.state WHEN {FIXED} THEN {FIXED_ON} END, :import_id, v.evidence_id
        FROM {LINKED} {evidence.LINKED}
        WHERE s.import_id = :import_id AND s.number >= :low AND s.number < :high AND {IS_KEPT} AND {"1 = 1" if all_new else is_new}
        {as_staged(connection, "s.number", scan.staged)}
        """,
        scan,
        advance,
    )


def _in_pieces(connection: Connection, step: str, scan: Scan, advance: Advance) -> None:
    """Execute a statement for all staged findings in pieces, from ``:low`` to below ``:high``."""
    some = pieces(connection, scan.staged, PIECE)
    for low in some:
        parameters: dict[str, Any] = {**scan.parameters, "low": low, "high": low + some.step}
        connection.execute(statement(step), parameters)
        advance(min(some.step, scan.staged - low))


def drop(connection: Connection) -> None:
    """Drop the temporary tables, if they exist."""
    for table in ("matched", "absent", "located"):
        connection.execute(text(f"DROP TABLE IF EXISTS {table}"))
