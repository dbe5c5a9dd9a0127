"""Merges a source into another one: in one transaction, after which there is one record of both, as if it had been one from the beginning.

- Hosts are joined by the rules of an import against the record (:mod:`.identity`): those of the merged source are to the other one what the
  hosts of a file are. A host that fits several joins the first of them. Definitions are joined by their key, else by their title.
- Of what both know of a host or a definition, what the source says counts whose newest scan is later; the other fills in what is missing.
- Findings on the same host, of the same definition, port and protocol become one. The one that was seen first stays, and takes over the
  state of the one that was looked at last: seen, or found to be gone. On the same day an open one counts, then that of the newer source.
  The changes of both stay in its history.
- The totals of each day add up, where a source without a scan on that day counts as its last scan before left it. Those of the last day are
  counted anew, so that they agree with what lists show.
- The label of the merged source becomes an alias of the other one, as do its aliases. Imports from before cannot be undone any more.

The temporary tables: ``joined_assets`` and ``joined_definitions`` have those of the merged source that become one of the other's, which
is ``into_id``. ``alike`` has the findings of which several become one: which of them stays, which tells the state, which was seen last.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, Engine, delete, func, insert, select, text, update

from hextrackr.db.dialects import analyse, lock_name, lock_source, merged_json
from hextrackr.errors import Conflict, HexTrackrError, NotFound, RequestError

from . import identity, imports, record_version, totals, upsert
from .fields import FINDING, HOST, VULNERABILITY, Field, listed
from .models import (
    DailyTotal,
    Finding,
    Import,
    ImportState,
    Severity,
    Source,
    SourceAlias,
    StateTotal,
    is_open,
)

SOURCES_UNLIKE, SOURCE_RETIRED, IMPORTS_UNFINISHED = "SOURCES_UNLIKE", "SOURCE_RETIRED", "IMPORTS_UNFINISHED"
#: Sources of the scanners of one row can be merged: these number hosts and checks alike.
ALIKE = (
    frozenset({"tenable-vm", "tenable-io-legacy", "tenable-sc", "nessus-pro"}),
    frozenset({"qualys-vm", "qualys-vmdr"}),
)
#: States in which an import is bound to its source; one that is queued finds the other source by the alias.
_BOUND = (ImportState.READING, ImportState.STAGING, ImportState.PROMOTING, ImportState.AWAITING_CONFIRMATION)
#: Under which number hosts and definitions are staged to be joined; imports are numbered from 1.
_STAGED = 0
_TABLES = ("joined_assets", "joined_definitions", "alike", "combined", "moved_changes", "newer_identifiers")


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What a merge does: of so many ``hosts``, ``definitions`` and ``findings`` of the merged source, how many become one with the other's.

    ``open_before`` adds up what is open in both.
    """

    hosts: int
    joined_hosts: int
    definitions: int
    joined_definitions: int
    findings: int
    joined_findings: int
    open_before: int
    open_after: int


@dataclass(frozen=True)
class _Merge:
    """A merge under way; ``is_newer`` if the newest scan of the merged source is later than that of the other one."""

    source: Source
    into: Source
    is_newer: bool

    @property
    def ids(self) -> dict[str, Any]:
        """The parameters of statements about it."""
        return {"source_id": self.source.id, "into_id": self.into.id, "import_id": _STAGED}


def number_alike(scanner: str, other: str) -> bool:
    """Whether two scanners number their hosts and checks alike, so that their sources can be merged."""
    return scanner == other or any({scanner, other} <= scanners for scanners in ALIKE)


def forecast(engine: Engine, source_id: int, into_id: int) -> Figures:
    """Tell what :func:`merge` would do; errors as there."""
    with engine.connect() as connection, connection.begin() as transaction:
        merging = _begin(connection, source_id, into_id)
        figures = _find_alike(connection, merging)
        transaction.rollback()
    return figures


def merge(engine: Engine, source_id: int, into_id: int, begins: Callable[[str], None] = lambda phase: None) -> Figures:
    """Merge a source into another one.

    :param begins: called at the beginning of each phase with its name: ``compare``, ``move``, ``count``.
    :raises NotFound: one of them does not exist.
    :raises RequestError: they are the same.
    :raises Conflict: ``SOURCES_UNLIKE``: their scanners do not number checks alike; ``SOURCE_RETIRED``; ``IMPORTS_UNFINISHED``: an
        import of one of them has not ended.
    """
    with engine.execution_options(durable=True).begin() as connection:
        begins("compare")
        merging = _begin(connection, source_id, into_id)
        figures = _find_alike(connection, merging)
        begins("move")
        _join_rows(connection, merging, "assets", HOST)
        _join_rows(connection, merging, "definitions", VULNERABILITY)
        _join_cves(connection, merging)
        _join_identifiers(connection, merging)
        _join_findings(connection, merging)
        _move_subjects(connection, merging)
        _join_imports(connection, merging)
        begins("count")
        _count_again(connection, merging)
        _end_source(connection, merging)
        _check(connection, merging, figures)
        _drop(connection)
        record_version.increment(connection)
    return figures


def _begin(connection: Connection, source_id: int, into_id: int) -> _Merge:
    """Lock both sources, and see that they can be merged."""
    lock_name(connection, "merge of sources")
    for number in sorted((source_id, into_id)):
        lock_source(connection, number)
    both = select(Source.__table__).where(Source.id.in_((source_id, into_id)))
    found = {row["id"]: Source(**row) for row in connection.execute(both).mappings()}
    if source_id == into_id:
        raise RequestError("A source cannot be merged with itself.")
    if len(found) < 2:
        raise NotFound("There is no source with this number.", "UNKNOWN_SOURCE")
    source, into = found[source_id], found[into_id]
    if not number_alike(source.scanner, into.scanner):
        raise Conflict(
            "These sources are of scanners that number their checks differently, so they cannot be merged.",
            SOURCES_UNLIKE,
        )
    if source.retired_on or into.retired_on:
        raise Conflict("A retired source cannot be merged; activate it first.", SOURCE_RETIRED)
    _refuse_unfinished(connection, source_id, into_id)
    is_newer = (source.last_scan_date or date.min) > (into.last_scan_date or date.min)
    return _Merge(source, into, is_newer)


def _refuse_unfinished(connection: Connection, *sources: int) -> None:
    unfinished = connection.execute(
        select(Import.id, Import.filename, Import.state)
        .where(Import.source_id.in_(sources), Import.state.in_(_BOUND))
        .order_by(Import.id)
        .limit(1)
    ).one_or_none()
    if unfinished is None:
        return
    waits = unfinished.state == ImportState.AWAITING_CONFIRMATION
    raise Conflict(
        f"Import {unfinished.id} ({unfinished.filename}) {'waits for an answer' if waits else 'is in progress'}; "
        "the sources can be merged when it has finished.",
        IMPORTS_UNFINISHED,
    )


# What becomes one


def _find_alike(connection: Connection, merging: _Merge) -> Figures:
    """Fill ``joined_assets``, ``joined_definitions`` and ``alike``, and count."""
    _drop(connection)
    _find_hosts(connection, merging)
    _find_definitions(connection, merging)
    analyse(connection, "joined_assets", "joined_definitions")
    _find_findings(connection, merging)

    def count(sql: str) -> int:
        return int(connection.execute(text(sql), merging.ids).scalar_one())

    opened = f"""
        SELECT count(*) FILTER (WHERE {is_open("f.lifecycle")})
             - count(*) FILTER (WHERE {is_open("f.lifecycle")} AND a.finding_id = a.tells_id)
        FROM alike a JOIN findings f ON f.id = a.finding_id
    """
    open_before = sum(
        number
        for source_id in (merging.source.id, merging.into.id)
        for number, _ in totals.open_in_source(connection, source_id).values()
    )
    return Figures(
        hosts=count("SELECT count(*) FROM assets WHERE source_id = :source_id"),
        joined_hosts=count("SELECT count(*) FROM joined_assets"),
        definitions=count("SELECT count(*) FROM definitions WHERE source_id = :source_id"),
        joined_definitions=count("SELECT count(*) FROM joined_definitions"),
        findings=count("SELECT count(*) FROM findings WHERE source_id = :source_id"),
        joined_findings=count("SELECT count(*) FROM alike WHERE finding_id <> stays_id"),
        open_before=open_before,
        open_after=open_before - count(opened),
    )


def _find_hosts(connection: Connection, merging: _Merge) -> None:
    """Let the rules of :mod:`.identity` link the hosts, staged as if a file had named them."""
    _run(
        connection,
        merging.ids,
        """
        INSERT INTO staging_identifiers (import_id, number, kind, realm, value)
        SELECT :import_id, asset_id, kind, realm, value FROM asset_identifiers WHERE source_id = :source_id
        """,
    )
    identity.link(connection, _STAGED, merging.into.id)
    _run(
        connection,
        merging.ids,
        "CREATE TEMPORARY TABLE joined_assets (asset_id INTEGER PRIMARY KEY, into_id INTEGER NOT NULL)",
        """
        INSERT INTO joined_assets (asset_id, into_id)
        SELECT number, asset_id FROM host_links WHERE is_first
        UNION ALL SELECT s.number, l.asset_id FROM same_hosts s JOIN host_links l ON l.number = s.one AND l.is_first
        """,
        "DELETE FROM staging_identifiers WHERE import_id = :import_id",
    )
    identity.drop(connection)


def _find_definitions(connection: Connection, merging: _Merge) -> None:
    weights = (*(severity.name.lower() for severity in Severity), "vpr_sum")
    _run(
        connection,
        merging.ids,
        f"""
        INSERT INTO staging_definitions (import_id, number, key, title, titled, {", ".join(weights)})
        SELECT :import_id, id, key, title, key = substr(title, 1, 255), {", ".join("0" for _ in weights)}
        FROM definitions WHERE source_id = :source_id
        """,
    )
    upsert.link_definitions(connection, _STAGED, merging.into.id)
    _run(
        connection,
        merging.ids,
        "CREATE TEMPORARY TABLE joined_definitions (definition_id INTEGER PRIMARY KEY, into_id INTEGER NOT NULL)",
        """
        INSERT INTO joined_definitions (definition_id, into_id)
        SELECT number, definition_id FROM staging_definitions WHERE import_id = :import_id AND definition_id IS NOT NULL
        """,
        "DELETE FROM staging_definitions WHERE import_id = :import_id",
    )


def _find_findings(connection: Connection, merging: _Merge) -> None:
    """Only where a host is joined can a finding be another one's: several hosts of the merged source may be one of the other."""
    columns = "m.finding_id, m.asset_id, m.definition_id, m.port, m.protocol"
    newer_first = "is_merged DESC" if merging.is_newer else "is_merged"
    _run(
        connection,
        merging.ids,
        f"""
        CREATE TEMPORARY TABLE alike AS
        WITH moved AS (
            SELECT f.id AS finding_id, a.into_id AS asset_id, coalesce(d.into_id, f.definition_id) AS definition_id, f.port, f.protocol,
                   f.first_seen, f.lifecycle, f.resolved_on, f.sighting_id, 1 AS is_merged
            FROM findings f
            JOIN joined_assets a ON a.asset_id = f.asset_id
            LEFT JOIN joined_definitions d ON d.definition_id = f.definition_id
            WHERE f.source_id = :source_id
        ), members AS (
            SELECT * FROM moved
            UNION ALL
            SELECT f.id, f.asset_id, f.definition_id, f.port, f.protocol, f.first_seen, f.lifecycle, f.resolved_on, f.sighting_id, 0
            FROM (SELECT DISTINCT asset_id, definition_id, port, protocol FROM moved) AS place
            JOIN findings f ON f.asset_id = place.asset_id AND f.definition_id = place.definition_id
                           AND f.port = place.port AND f.protocol = place.protocol
        ), days AS (
            SELECT {columns}, m.first_seen, m.is_merged, w.day AS seen,
                   CASE WHEN m.resolved_on > w.day THEN m.resolved_on ELSE w.day END AS looked,
                   CASE WHEN {is_open("m.lifecycle")} THEN 0 ELSE 1 END AS is_resolved,
                   count(*) OVER (PARTITION BY m.asset_id, m.definition_id, m.port, m.protocol) AS size
            FROM members m JOIN sightings w ON w.id = m.sighting_id
        )
        SELECT finding_id, asset_id, definition_id,
               first_value(finding_id) OVER (PARTITION BY asset_id, definition_id, port, protocol
                                             ORDER BY first_seen, is_merged, finding_id) AS stays_id,
               first_value(finding_id) OVER (PARTITION BY asset_id, definition_id, port, protocol
                                             ORDER BY looked DESC, is_resolved, {newer_first}, finding_id) AS tells_id,
               first_value(finding_id) OVER (PARTITION BY asset_id, definition_id, port, protocol
                                             ORDER BY seen DESC, is_merged, finding_id) AS seen_id
        FROM days WHERE size > 1
        """,
        "CREATE INDEX ix_alike_finding_id ON alike (finding_id)",
        "CREATE INDEX ix_alike_stays_id ON alike (stays_id)",
    )
    analyse(connection, "alike")


# Hosts and definitions


def _join_rows(connection: Connection, merging: _Merge, table: str, fields: tuple[Field, ...]) -> None:
    """Let the rows of ``assets`` or ``definitions`` that others join take over what these say, one after the other."""
    one = table[:-1]
    rounds = connection.execute(
        text(
            f"SELECT coalesce(max(number), 0) FROM (SELECT count(*) AS number FROM joined_{table} GROUP BY into_id) AS joined"
        )
    ).scalar_one()
    values = {field.name: _of_both(field.name, table, merging) for field in fields}
    old, new = ("t.details", "o.details") if merging.is_newer else ("o.details", "t.details")
    details, differs = merged_json(connection, old, new, before="t.details", other="o.details")
    for number in range(1, rounds + 1):
        joined = f"""
            SELECT {one}_id, into_id
            FROM (SELECT {one}_id, into_id, row_number() OVER (PARTITION BY into_id ORDER BY {one}_id) AS number
                  FROM joined_{table}) AS ranked
            WHERE number = {number}
        """
        _run(
            connection,
            merging.ids,
            f"""
            UPDATE {table} SET {", ".join(f"{name} = {value}" for name, value in values.items())}
            FROM ({joined}) AS j, {table} AS o WHERE j.into_id = {table}.id AND o.id = j.{one}_id
            """,
            f"""
            UPDATE {table} AS t SET details = {details}
            FROM ({joined}) AS j, {table} AS o WHERE j.into_id = t.id AND o.id = j.{one}_id AND o.details IS NOT NULL AND {differs}
            """,
        )


def _of_both(name: str, table: str, merging: _Merge) -> str:
    """SQL: what is left of a value of a row, and of one that joins it (``o``)."""
    own, other = f"{table}.{name}", f"o.{name}"
    if name == "last_seen":
        return f"CASE WHEN {other} > {own} OR {own} IS NULL THEN {other} ELSE {own} END"
    if name == "title":  # a definition without one is shown by its key
        own, other = f"nullif({own}, {table}.key)", "nullif(o.title, o.key)"
    newer, older = (other, own) if merging.is_newer else (own, other)
    return f"coalesce({newer}, {older}{f', {table}.key' if name == 'title' else ''})"


def _join_cves(connection: Connection, merging: _Merge) -> None:
    """Give each joined definition the CVEs that the newer source has, or if that has none, the other."""
    has_own = "EXISTS (SELECT 1 FROM definition_cves k WHERE k.definition_id = j.into_id)"
    if merging.is_newer:
        _run(
            connection,
            merging.ids,
            """
            DELETE FROM definition_cves WHERE definition_id IN (
                SELECT j.into_id FROM joined_definitions j JOIN definition_cves o ON o.definition_id = j.definition_id)
            """,
        )
    _run(
        connection,
        merging.ids,
        f"""
        INSERT INTO definition_cves (definition_id, cve)
        SELECT DISTINCT j.into_id, o.cve FROM joined_definitions j JOIN definition_cves o ON o.definition_id = j.definition_id
        WHERE NOT {has_own}
        """,
        "DELETE FROM definition_cves WHERE definition_id IN (SELECT definition_id FROM joined_definitions)",
    )


def _join_identifiers(connection: Connection, merging: _Merge) -> None:
    """Know hosts by what an import of the newer source's hosts would leave: see :func:`.identity.update`.

    Names add up; ids and addresses are those of the newer source, where it has any. An address that went to another host there goes from
    the host that had it, as does a name from a joined one.
    """
    newer = ":source_id" if merging.is_newer else ":into_id"
    older = ":into_id" if merging.is_newer else ":source_id"
    _run(
        connection,
        merging.ids,
        f"""
        CREATE TEMPORARY TABLE newer_identifiers AS
        SELECT DISTINCT k.kind, k.value, k.realm, coalesce(j.into_id, k.asset_id) AS asset_id
        FROM asset_identifiers k LEFT JOIN joined_assets j ON j.asset_id = k.asset_id WHERE k.source_id = {newer}
        """,
        "CREATE INDEX ix_newer_identifiers_asset_id ON newer_identifiers (asset_id, kind)",
        "CREATE INDEX ix_newer_identifiers_value ON newer_identifiers (value, kind)",
        # Of the older source, what the newer one contradicts.
        f"""
        DELETE FROM asset_identifiers WHERE source_id = {older} AND (kind, value, realm, asset_id) IN (
            SELECT k.kind, k.value, k.realm, k.asset_id
            FROM (SELECT i.*, coalesce(j.into_id, i.asset_id) AS host_id
                  FROM asset_identifiers i LEFT JOIN joined_assets j ON j.asset_id = i.asset_id WHERE i.source_id = {older}) AS k
            WHERE NOT EXISTS (SELECT 1 FROM newer_identifiers n WHERE n.asset_id = k.host_id AND n.kind = k.kind
                                                                AND n.value = k.value AND n.realm = k.realm)
              AND ((k.kind <> 'name' AND EXISTS (SELECT 1 FROM newer_identifiers n WHERE n.asset_id = k.host_id AND n.kind = k.kind))
                   OR (k.kind = 'address' AND EXISTS (SELECT 1 FROM newer_identifiers n WHERE n.value = k.value AND n.kind = k.kind
                                                                                        AND n.realm = k.realm))
                   OR (k.kind = 'name' AND EXISTS (SELECT 1 FROM newer_identifiers n WHERE n.asset_id = k.host_id)
                                       AND EXISTS (SELECT 1 FROM newer_identifiers n WHERE n.value = k.value AND n.kind = k.kind
                                                                                     AND n.realm = k.realm))))
        """,
        """
        INSERT INTO asset_identifiers (source_id, kind, value, realm, asset_id, inherited)
        SELECT DISTINCT :into_id, k.kind, k.value, k.realm, j.into_id, FALSE
        FROM joined_assets j JOIN asset_identifiers k ON k.asset_id = j.asset_id WHERE 1 = 1 ON CONFLICT DO NOTHING
        """,
        "DELETE FROM asset_identifiers WHERE asset_id IN (SELECT asset_id FROM joined_assets)",
    )


# Findings


def _join_findings(connection: Connection, merging: _Merge) -> None:
    """Let one finding of those that are alike take over what the others say, and move all to the other source."""
    others = "FROM alike b JOIN findings o ON o.id = b.finding_id WHERE b.stays_id = a.stays_id"
    names = (*(field.name for field in FINDING), "evidence_id")
    values = ", ".join(f"coalesce(t.{name}, (SELECT max(o.{name}) {others})) AS {name}" for name in names)
    _run(
        connection,
        merging.ids,
        "UPDATE sightings SET source_id = :into_id WHERE source_id = :source_id",
        f"""
        CREATE TEMPORARY TABLE combined AS
        SELECT a.stays_id, a.asset_id, a.definition_id, t.severity, t.lifecycle, t.resolved_on, w.sighting_id,
               {values}
        FROM alike a JOIN findings t ON t.id = a.tells_id JOIN findings w ON w.id = a.seen_id WHERE a.finding_id = a.stays_id
        """,
        # An import may have changed two findings that are one now: then the change of the one that tells stays.
        """
        CREATE TEMPORARY TABLE moved_changes AS
        SELECT c.import_id, c.finding_id, a.stays_id,
               row_number() OVER (PARTITION BY c.import_id, a.stays_id
                                  ORDER BY CASE WHEN a.finding_id = a.tells_id THEN 0 ELSE 1 END, c.finding_id) AS number
        FROM alike a JOIN finding_changes c ON c.finding_id = a.finding_id
        """,
        """
        DELETE FROM finding_changes WHERE (import_id, finding_id) IN (SELECT import_id, finding_id FROM moved_changes WHERE number > 1)
        """,
        """
        UPDATE finding_changes SET finding_id = m.stays_id FROM moved_changes m
        WHERE m.number = 1 AND m.finding_id <> m.stays_id
          AND finding_changes.finding_id = m.finding_id AND finding_changes.import_id = m.import_id
        """,
        "DELETE FROM findings WHERE id IN (SELECT finding_id FROM alike WHERE finding_id <> stays_id)",
        """
        UPDATE findings SET
            asset_id = coalesce((SELECT j.into_id FROM joined_assets j WHERE j.asset_id = findings.asset_id), asset_id),
            definition_id = coalesce(
                (SELECT j.into_id FROM joined_definitions j WHERE j.definition_id = findings.definition_id), definition_id),
            source_id = :into_id
        WHERE source_id = :source_id
        """,
        f"""
        UPDATE findings SET severity = c.severity, lifecycle = c.lifecycle, resolved_on = c.resolved_on, sighting_id = c.sighting_id,
                            {listed(FINDING, "{name} = c.{name}")}, evidence_id = c.evidence_id
        FROM combined c WHERE c.stays_id = findings.id
        """,
    )


def _move_subjects(connection: Connection, merging: _Merge) -> None:
    """Remove the hosts and definitions that were joined, and move the others; a number tells apart what has the key of another one."""
    for table in ("assets", "definitions"):
        one = table[:-1]
        _run(
            connection,
            merging.ids,
            f"DELETE FROM {one}_weights WHERE {one}_id IN (SELECT id FROM {table} WHERE source_id = :source_id)",
            f"DELETE FROM {table} WHERE id IN (SELECT {one}_id FROM joined_{table})",
            f"""
            UPDATE {table} SET key = substr(key, 1, 230) || ' #' || id
            WHERE source_id = :source_id AND key IN (SELECT key FROM {table} WHERE source_id = :into_id)
            """,
            f"UPDATE {table} SET source_id = :into_id WHERE source_id = :source_id",
        )
    _run(
        connection,
        merging.ids,
        "UPDATE asset_identifiers SET source_id = :into_id WHERE source_id = :source_id",
    )


# Imports and totals


def _join_imports(connection: Connection, merging: _Merge) -> None:
    """Put the imports of both into one order, that in which they were promoted. None is the repeat of one before: the record is another."""
    _run(
        connection,
        merging.ids | {"label": merging.into.label},
        "UPDATE imports SET source_label = :label WHERE source_id = :source_id AND state = 'completed'",
        "UPDATE imports SET source_id = :into_id WHERE source_id = :source_id",
        """
        UPDATE imports SET place = o.place
        FROM (SELECT id, row_number() OVER (ORDER BY finished_at, place, id) AS place FROM imports
              WHERE source_id = :into_id AND place IS NOT NULL) AS o
        WHERE o.id = imports.id
        """,
        "UPDATE imports SET fingerprint = NULL WHERE source_id = :into_id",
    )
    newest = max((day for day in (merging.source.last_scan_date, merging.into.last_scan_date) if day), default=None)
    first_place = imports.next_place(connection, merging.into.id)
    connection.execute(
        update(Source).where(Source.id == merging.into.id).values(last_scan_date=newest, undoable_from=first_place)
    )


def _count_again(connection: Connection, merging: _Merge) -> None:
    open_now = totals.count(connection, merging.into.id)
    totals.weigh_again(connection, merging.into.id)
    of_days = _added_up(_daily(connection, merging.source.id), _daily(connection, merging.into.id))
    if of_days:
        for severity in Severity:
            is_open_now, vpr_sum = open_now.get(severity, (0, 0.0))
            of_days[max(of_days)][severity] |= {"open": is_open_now, "vpr_sum": round(vpr_sum, 1)}
    both = (merging.source.id, merging.into.id)
    connection.execute(delete(DailyTotal).where(DailyTotal.source_id.in_(both)))
    rows = [
        {"source_id": merging.into.id, "day": day, "severity": severity, **numbers}
        for day, severities in of_days.items()
        for severity, numbers in severities.items()
    ]
    if rows:
        connection.execute(insert(DailyTotal), rows)
    connection.execute(delete(StateTotal).where(StateTotal.source_id == merging.source.id))


#: Severity -> column of a daily total -> number.
_OfDay = dict[int, dict[str, Any]]
_OPEN, _CHANGED = ("open", "vpr_sum"), ("opened", "resolved", "reopened")


def _daily(connection: Connection, source_id: int) -> dict[date, _OfDay]:
    found: dict[date, _OfDay] = {}
    for row in connection.execute(select(DailyTotal.__table__).where(DailyTotal.source_id == source_id)):
        found.setdefault(row.day, {})[row.severity] = {name: getattr(row, name) for name in (*_OPEN, *_CHANGED)}
    return found


def _added_up(*sources: dict[date, _OfDay]) -> dict[date, _OfDay]:
    """The totals of both, the first day first: what is open stays as the last scan of a source left it, what changed is of its day."""
    nothing = dict.fromkeys((*_OPEN, *_CHANGED), 0)
    left: list[_OfDay] = [{} for _ in sources]
    added: dict[date, _OfDay] = {}
    for day in sorted(set().union(*sources)):
        left = [days.get(day, before) for days, before in zip(sources, left, strict=True)]
        today = [days.get(day, {}) for days in sources]
        added[day] = {
            severity.value: {
                name: sum(of_day.get(severity.value, nothing)[name] for of_day in (left if name in _OPEN else today))
                for name in (*_OPEN, *_CHANGED)
            }
            for severity in Severity
        }
        for numbers in added[day].values():
            numbers["vpr_sum"] = round(numbers["vpr_sum"], 1)
    return added


def _end_source(connection: Connection, merging: _Merge) -> None:
    """Let the labels of the merged source lead to the other one, and remove it; nothing refers to it any more."""
    source_id, into_id = merging.source.id, merging.into.id
    connection.execute(update(SourceAlias).where(SourceAlias.source_id == source_id).values(source_id=into_id))
    connection.execute(
        insert(SourceAlias).values(scanner=merging.source.scanner, label=merging.source.label, source_id=into_id)
    )
    for table in (
        "assets",
        "asset_identifiers",
        "definitions",
        "findings",
        "sightings",
        "daily_totals",
        "state_totals",
        "imports",
    ):
        left = f"SELECT count(*) FROM {table} WHERE source_id = :source_id"
        if connection.execute(text(left), merging.ids).scalar_one():
            raise HexTrackrError
    connection.execute(delete(Source).where(Source.id == source_id))


def _check(connection: Connection, merging: _Merge, figures: Figures) -> None:
    """Change nothing rather than lose a finding: what is there must be what was announced."""
    of_source = select(func.count()).select_from(Finding).where(Finding.source_id == merging.into.id)
    is_open_now = connection.execute(of_source.where(text(is_open("lifecycle")))).scalar_one()
    counted = sum(number for number, _ in totals.open_in_source(connection, merging.into.id).values())
    if not is_open_now == counted == figures.open_after:
        raise HexTrackrError


def _run(connection: Connection, parameters: dict[str, Any], *steps: str) -> None:
    for step in steps:
        connection.execute(text(step), parameters)


def _drop(connection: Connection) -> None:
    """Remove the temporary tables, if they are there."""
    for table in _TABLES:
        connection.execute(text(f"DROP TABLE IF EXISTS {table}"))
