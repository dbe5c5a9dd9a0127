"""Findings in groups: by host, vulnerability, CVE, source, family or operating system."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hextrackr.domain.models import WORST_FIRST
from hextrackr.errors import RequestError
from hextrackr.ingest import formats
from hextrackr.readmodel.questions import question

from . import order
from .columns import HOST_NAME
from .filters import Where, findings, where
from .findings import TEXT, by_severity, rows, shown

if TYPE_CHECKING:
    import duckdb

_SEVERITIES = [severity.name.lower() for severity in WORST_FIRST]


@dataclass(frozen=True)
class Group:
    """What findings are put together by.

    :ivar of: ``host_id`` or ``definition_id``, from which the group follows: findings are counted by it first, as it has far fewer values.
    :ivar subject: what that column refers to, joined with what else has to be: FROM, with ``counted`` before it.
    :ivar key: SQL over the subject: the same for all of a group, never NULL.
    :ivar name: SQL over a ``group_key``: what the group is called, for an order.
    :ivar details: SQL that tells what people read of the groups whose keys are in ``page``.
    """

    of: str
    subject: str
    key: str
    name: str
    details: str


_OF_HOST = f"""
    SELECT group_key, min(h.id) AS "hostId", arg_min({HOST_NAME}, h.id) AS host, arg_min(h.fqdn, h.id) AS fqdn, arg_min(h.ip, h.id) AS ip,
           max(h.os) AS os, arg_min(s.scanner, h.id) AS scanner,
           arg_min(s.scanner_name, h.id) AS "scannerName", arg_min(s.label, h.id) AS source,
           list(DISTINCT h.source_id ORDER BY h.source_id) AS "sourceIds"
    FROM page JOIN host h ON h.machine_id = group_key JOIN source s ON s.id = h.source_id GROUP BY group_key
"""
_OF_DEFINITION = f"""
    SELECT page.group_key, d.id AS "definitionId", d.key AS "pluginId", left(d.title, {TEXT + 1}) AS title, d.family, s.scanner,
           s.scanner_name AS "scannerName", s.label AS source
    FROM page JOIN definition d ON d.id = page.group_key JOIN source s ON s.id = d.source_id
"""
_OF_CVE = f"""
    SELECT page.group_key, page.group_key AS cve, min(left(d.title, {TEXT + 1})) AS title, count(*) AS definitions
    FROM page JOIN definition_cve c ON c.cve = page.group_key JOIN definition d ON d.id = c.definition_id GROUP BY page.group_key
"""
_OF_SOURCE = """
    SELECT group_key, s.id AS "sourceId", s.scanner, s.scanner_name AS "scannerName", s.label AS source
    FROM page JOIN source s ON s.id = group_key
"""
_MACHINE = "JOIN machine ON machine.host_id = counted.id"
_HOST = f"{_MACHINE} JOIN host_row h ON h.id = counted.id"
_DEFINITION = "JOIN definition_row d ON d.id = counted.id"
GROUPS: Mapping[str, Group] = {
    "host": Group(
        "host_id",
        _MACHINE,
        "machine.machine_id",
        f"(SELECT lower(min({HOST_NAME})) FROM host h WHERE h.machine_id = group_key)",
        _OF_HOST,
    ),
    "definition": Group(
        "definition_id", "", "counted.id", "(SELECT lower(title) FROM definition WHERE id = group_key)", _OF_DEFINITION
    ),
    "cve": Group(
        "definition_id", "JOIN definition_cve c ON c.definition_id = counted.id", "c.cve", "group_key", _OF_CVE
    ),
    "source": Group(
        "host_id",
        _HOST,
        "h.source_id",
        "(SELECT lower(label) || ' ' || scanner FROM source WHERE id = group_key)",
        _OF_SOURCE,
    ),
    "family": Group(
        "definition_id",
        _DEFINITION,
        "coalesce(d.family, '')",
        "lower(group_key)",
        "SELECT group_key, group_key AS family FROM page",
    ),
    "os": Group(
        "host_id", _HOST, "coalesce(h.os, '')", "lower(group_key)", "SELECT group_key, group_key AS os FROM page"
    ),
}
#: Columns with texts that may be long.
_TEXTS = ("host", "fqdn", "ip", "os", "pluginId", "title", "family")
#: The figures of a group.
_FIGURES = ("findings", *_SEVERITIES, "vpr_sum", "first_seen", "last_seen")
_SUMS = ", ".join(f"sum({name}) AS {name}" for name in ("findings", *_SEVERITIES))
#: Findings that were counted by severity, in a column for each.
_BY_SEVERITY = ", ".join(
    f"coalesce(sum(findings) FILTER (severity = {severity.value}), 0) AS {severity.name.lower()}"
    for severity in WORST_FIRST
)


@question
def list_groups(cursor: duckdb.DuckDBPyConnection, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a page of groups.

    :param parameters: as for a list, and ``by``, one of :data:`GROUPS`; ``sort`` is ``weight`` (the number of critical ones, then of high
        ones, and so on), ``findings``, ``hosts``, ``vpr``, a severity, ``firstSeen``, ``lastSeen`` or ``name``.
    :return: ``data``, ``pagination``, the ``totals`` of the findings in all groups, and ``filters``.
    :raises RequestError: a value that does not exist or is out of its range.
    """
    group, limited, ordered = _requested(parameters)
    page = order.page(parameters, ordered)
    cursor.execute(f"CREATE TEMPORARY TABLE counted AS {_counted(group, limited)}", limited.values)
    by_hosts = "hosts" in ordered.keys
    hosts_values = _hosts_values(group, limited) if by_hosts else {}
    cursor.execute(f"CREATE TEMPORARY TABLE grouped AS {_grouped(group, limited, by_hosts)}", hosts_values)
    (total,) = cursor.execute("SELECT count(*) FROM grouped").fetchone() or (0,)
    page.refuse_if_deep(total)
    after, position = ordered.after(page.after) if page.after is not None else ("TRUE", {})
    found = cursor.execute(
        f"""
        SELECT group_key, {", ".join(_FIGURES)}, {", ".join(ordered.keys)} FROM grouped
        WHERE {after} ORDER BY {ordered.sql} LIMIT {page.limit + 1} OFFSET {page.offset}
        """,
        position,
    ).fetchall()
    shown_rows = found[: page.limit]
    last = shown_rows[-1][1 + len(_FIGURES) :] if len(found) > page.limit else None
    return {
        "data": _answers(cursor, group, limited, shown_rows, by_hosts),
        "pagination": page.pagination(total, last),
        "totals": _totals(cursor),
        "filters": limited.sentences,
    }


def statement(query: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    """Return SQL for all groups that match a query, in its order, for an export; and the values for the SQL.

    :raises RequestError: like :func:`list_groups`.
    """
    group, limited, ordered = _requested(query)
    sql = f"""
        WITH counted AS ({_counted(group, limited)}), grouped AS ({_grouped(group, limited, "hosts" in ordered.keys)}),
             page AS (SELECT group_key FROM grouped), details AS ({group.details})
        SELECT details.* EXCLUDE (group_key), findings, {", ".join(_SEVERITIES)}, vpr_sum AS "vprSum", first_seen AS "firstSeen",
               last_seen AS "lastSeen"
        FROM grouped JOIN details USING (group_key) ORDER BY {ordered.sql}
    """
    return sql, limited.values


def _requested(query: Mapping[str, str]) -> tuple[Group, Where, order.Order]:
    """Return the grouping of a query, its filters and its order."""
    by = query.get("by") or "host"
    if by not in GROUPS:
        raise RequestError(f"by must be one of {', '.join(GROUPS)}.")
    group = GROUPS[by]
    return group, where(query), order.requested(query, _sorts(group), "weight", "group_key", ties_ascend=True)


def _counted(group: Group, limited: Where) -> str:
    """SQL: the figures of each host or vulnerability. To count by severity first takes half the time of a condition for each of them."""
    return f"""
        SELECT id, sum(findings) AS findings, {_BY_SEVERITY}, sum(vpr_sum) AS vpr_sum, min(first_seen) AS first_seen,
               max(last_seen) AS last_seen
        FROM (SELECT f.{group.of} AS id, f.severity, count(*) AS findings, coalesce(sum(f.vpr), 0) AS vpr_sum,
                     min(f.first_seen) AS first_seen, max(w.day) AS last_seen
              FROM {findings(limited.sql, "w.")} WHERE {limited.sql} GROUP BY ALL)
        GROUP BY id
    """


def _grouped(group: Group, limited: Where, with_hosts: bool) -> str:
    """SQL: the figures of each group; its hosts only for an order by them, as they take longer than the others."""
    grouped = f"""
        SELECT {group.key} AS group_key, {_SUMS}, round(sum(vpr_sum), 2) AS vpr_sum,
               min(counted.first_seen) AS first_seen, max(counted.last_seen) AS last_seen
        FROM counted {group.subject} GROUP BY group_key
    """
    if not with_hosts:
        return grouped
    return f"SELECT * FROM ({grouped}) JOIN ({_hosts(group, limited)}) USING (group_key)"


def _hosts(group: Group, limited: Where, which: str = "TRUE") -> str:
    """SQL: on how many hosts the findings of each group are; a machine that several sources know is one.

    :param which: the condition on the groups.
    """
    if group.of == "host_id":
        return f"""
            SELECT {group.key} AS group_key, count(DISTINCT machine.machine_id) AS hosts FROM counted {group.subject}
            WHERE {which} GROUP BY group_key
        """
    return f"""
        WITH members AS (
            SELECT counted.id AS member, {group.key} AS group_key, dense_rank() OVER (ORDER BY {group.key}) AS number
            FROM counted {group.subject} WHERE {which}),
        machines AS (
            SELECT DISTINCT members.number, machine.machine_id
            FROM {findings(limited.sql)} JOIN members ON member = f.definition_id JOIN machine ON machine.host_id = f.host_id
            WHERE {limited.sql})
        SELECT numbered.group_key, counts.hosts
        FROM (SELECT number, count(*) AS hosts FROM machines GROUP BY number) AS counts
        JOIN (SELECT DISTINCT number, group_key FROM members) AS numbered USING (number)
    """


def _sorts(group: Group) -> dict[str, tuple[order.Key, ...]]:
    words = {
        "weight": (*_SEVERITIES, "vpr_sum"),
        "findings": ("findings", *_SEVERITIES),
        "hosts": ("hosts", *_SEVERITIES),
        "vpr": ("vpr_sum", *_SEVERITIES),
        **{severity: (severity, *_SEVERITIES) for severity in _SEVERITIES},
        "firstSeen": ("first_seen",),
        "lastSeen": ("last_seen",),
        "name": (group.name,),
    }
    return {word: tuple(map(order.Key, keys)) for word, keys in words.items()}


def _answers(
    cursor: duckdb.DuckDBPyConnection, group: Group, limited: Where, found: list[Any], has_hosts: bool
) -> list[dict[str, Any]]:
    """Return the groups of a page.

    :param has_hosts: the table ``grouped`` has the number of hosts, as the order needed it.
    """
    keys = [row[0] for row in found]
    if not keys:
        return []
    details = {
        row.pop("group_key"): {name: shown(value) if name in _TEXTS else value for name, value in row.items()}
        for row in rows(
            cursor.execute(f"WITH page AS (SELECT unnest($keys) AS group_key) {group.details}", {"keys": keys})
        )
    }
    if has_hosts:
        counted, values = "SELECT group_key, hosts FROM grouped WHERE list_contains($keys, group_key)", {}
    else:
        counted, values = _hosts(group, limited, f"list_contains($keys, {group.key})"), _hosts_values(group, limited)
    hosts = dict(cursor.execute(counted, {"keys": keys, **values}).fetchall())
    answers = []
    for key, *rest in found:
        figures = dict(zip(_FIGURES, rest, strict=False))
        scanner, name = details[key].get("scanner"), details[key].get("scannerName")
        answers.append(
            {
                **details[key],
                **({"scannerName": formats.scanner_name(scanner, name or "")} if scanner else {}),
                **_check_name(details[key]),
                "findings": figures["findings"],
                "hosts": hosts[key],
                "bySeverity": by_severity([figures[severity] for severity in _SEVERITIES]),
                "vprSum": round(figures["vpr_sum"], 1),
                "firstSeen": figures["first_seen"],
                "lastSeen": figures["last_seen"],
            }
        )
    return answers


def _check_name(details: Mapping[str, Any]) -> dict[str, str]:
    """Return the scanner's name of a vulnerability; nothing for other groups."""
    if "pluginId" not in details:
        return {}
    return {"checkName": formats.check_name(details["scanner"], details["pluginId"], details["title"] or "")}


def _hosts_values(group: Group, limited: Where) -> dict[str, Any]:
    """The values in the SQL of :func:`_hosts`: it looks at the findings once more only where it has to."""
    return {} if group.of == "host_id" else limited.values


def _totals(cursor: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """As :func:`.findings.totals_of`, of what is counted already."""
    sums = cursor.execute(f"SELECT sum(vpr_sum), {_SUMS} FROM counted").fetchone() or ()
    vpr_sum, total, *counts = (each or 0 for each in sums)
    return {"findings": total, "vprSum": round(vpr_sum, 1), "bySeverity": by_severity(counts)}
