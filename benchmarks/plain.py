"""The list of findings as plain SQL on a SQLite record: slow, and simple enough to be believed."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Any

_FROM = """
    FROM findings f JOIN sightings w ON w.id = f.sighting_id JOIN assets a ON a.id = f.asset_id
    JOIN definitions d ON d.id = f.definition_id JOIN sources s ON s.id = f.source_id
"""
_NAME = "coalesce(a.name, a.fqdn, a.netbios, a.ip, a.key)"
_SEVERITIES = ("info", "low", "medium", "high", "critical")
_STATES = {"open": "'active', 'reopened'", "open,resolved": "'active', 'reopened', 'resolved'"}
#: Filter -> its condition, in which ``?`` stands for the text of the parameter.
_FILTERS = {
    "host": """
        f.asset_id IN (SELECT a.id FROM assets a WHERE a.name IN (
            SELECT o.name FROM assets o WHERE CAST(o.id AS TEXT) = ?1 OR lower(?1) IN (lower(o.name), lower(o.fqdn), lower(o.ip))))
    """,
    "cve": "f.definition_id IN (SELECT definition_id FROM definition_cves WHERE cve = ?1)",
    "definition": "f.definition_id = CAST(?1 AS INTEGER)",
    "family": "d.family = ?1",
    "port": "f.port = CAST(?1 AS INTEGER)",
    "newSince": "f.opened_by IN (SELECT id FROM imports WHERE state = 'completed' AND undone_at IS NULL AND scan_date >= ?1)",
    "firstSeenFrom": "f.first_seen >= ?1",
    "firstSeenTo": "f.first_seen <= ?1",
    "lastSeenFrom": "w.day >= ?1",
    "lastSeenTo": "w.day <= ?1",
    "ageMin": "f.first_seen <= ?1",
    "vprMin": "f.vpr >= CAST(?1 AS REAL)",
    "vprMax": "f.vpr <= CAST(?1 AS REAL)",
    "cvssMin": "f.cvss >= CAST(?1 AS REAL)",
    "cvssMax": "f.cvss <= CAST(?1 AS REAL)",
    "epssMin": "d.epss >= CAST(?1 AS REAL)",
    "search": """
        (f.asset_id IN (SELECT a.id FROM assets a LEFT JOIN asset_identifiers i ON i.asset_id = a.id AND i.kind <> 'id'
            WHERE instr(lower(
                coalesce(a.name, '') || ' ' || coalesce(a.fqdn, '') || ' ' || coalesce(a.ip, '') || ' ' || coalesce(i.value, '')),
                lower(?1)))
         OR f.definition_id IN (SELECT d.id FROM definitions d LEFT JOIN definition_cves c ON c.definition_id = d.id
            WHERE instr(lower(d.title || ' ' || coalesce(c.cve, '')), lower(?1)) OR d.key = ?1))
    """,
}
_SORTS = {
    "severity": ("f.severity", "coalesce(f.vpr, -1)"),
    "vpr": ("coalesce(f.vpr, -1)",),
    "cvss": ("coalesce(f.cvss, -1)",),
    "firstSeen": ("f.first_seen",),
    "lastSeen": ("w.day",),
    "host": (f"lower({_NAME})",),
    "title": ("lower(d.title)",),
    "port": ("f.port",),
}


class PlainList:
    """What a SQLite record answers to the parameters of a list.

    :param database: the record's file; it is only read.
    """

    def __init__(self, database: Path) -> None:
        self._connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)

    def close(self) -> None:
        """Close the record."""
        self._connection.close()

    def answer(self, asked: Mapping[str, str], offset: int, limit: int) -> tuple[list[int], int, float, dict[str, int]]:
        """The numbers of a page's findings in their order; of all that match how many, the sum of their VPR, and how many by severity."""
        conditions, values = _conditions(asked)
        where = " AND ".join(conditions) or "TRUE"
        direction = asked["order"]
        order = ", ".join(f"{key} {direction}" for key in (*_SORTS[asked["sort"]], "f.id"))
        page = f"SELECT f.id {_FROM} WHERE {where} ORDER BY {order} LIMIT {limit} OFFSET {offset}"
        counted = f"SELECT f.severity, count(*), coalesce(sum(f.vpr), 0) {_FROM} WHERE {where} GROUP BY 1"
        with closing(self._connection.cursor()) as cursor:
            ids = [number for (number,) in cursor.execute(page, values)]
            rows = cursor.execute(counted, values).fetchall()
        by_severity = dict.fromkeys(_SEVERITIES, 0) | {_SEVERITIES[severity]: count for severity, count, _ in rows}
        return ids, sum(by_severity.values()), sum(vpr for _, _, vpr in rows), by_severity


def _conditions(asked: Mapping[str, str]) -> tuple[list[str], dict[str, Any]]:
    """The conditions of all filters together, and their values."""
    conditions, values = [], {}
    for name, text in asked.items():
        if name in ("sort", "order", "change"):
            continue
        if name == "state":
            conditions.append(f"f.lifecycle IN ({_STATES.get(text, repr(text))})")
        elif name == "severity":
            numbers = ", ".join(str(_SEVERITIES.index(word)) for word in text.split(","))
            conditions.append(f"f.severity IN ({numbers})")
        elif name == "source":
            conditions.append(f"f.source_id IN ({text})")
        elif name == "changedBy":
            conditions.append(_changed_by(text, asked.get("change")))
        else:
            conditions.append(_FILTERS[name].replace("?1", f":{name}"))
            values[name] = str(date.today() - timedelta(days=int(text))) if name == "ageMin" else text
    return conditions, values


def _changed_by(imports: str, change: str | None) -> str:
    kind = f"AND kind = '{change}'" if change else ""
    changed = f"f.id IN (SELECT finding_id FROM finding_changes WHERE import_id IN ({imports}) {kind})"
    return f"(f.opened_by IN ({imports}) OR {changed})" if change in (None, "opened") else changed
