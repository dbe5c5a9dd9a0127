"""Summarise an import against the previous scan of its source: outcomes by severity, and new and gone hosts and CVEs."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, text

from .lifecycle import Outcomes
from .models import WORST_FIRST, display_name
from .totals import OpenTotals

#: Number of hosts and CVEs that are named; the counts are exact.
MAX_NAMES = 100

#: A host is present while it has an open finding, a CVE while one of its definitions has one: then they have a weight.
_PRESENT = {
    "hosts": f"""
        SELECT {display_name("a.")} AS name FROM assets a JOIN asset_weights w ON w.asset_id = a.id
        WHERE a.source_id = :source_id
    """,
    "cves": """
        SELECT DISTINCT c.cve AS name FROM definitions d JOIN definition_weights w ON w.definition_id = d.id
        JOIN definition_cves c ON c.definition_id = d.id WHERE d.source_id = :source_id
    """,
}


def note_before(connection: Connection, source_id: int) -> None:
    """Store the hosts and CVEs that are present before the import."""
    _drop(connection)
    for subject, names in _PRESENT.items():
        connection.execute(text(f"CREATE TEMPORARY TABLE {subject}_before AS {names}"), {"source_id": source_id})


def of_scan(connection: Connection, source_id: int, outcomes: Outcomes, open_now: OpenTotals) -> dict[str, Any]:
    """The summary of an import, after :func:`note_before` and once the weights are updated.

    :return: ``bySeverity``, see :func:`by_severity`, and for ``hosts`` and ``cves`` those that are ``new`` and ``gone``:
        ``{"count": int, "names": [str, ...]}``, sorted, at most :data:`MAX_NAMES` of them.
    """
    summary: dict[str, Any] = {"bySeverity": by_severity(outcomes, open_now)}
    for subject, present in _PRESENT.items():
        connection.execute(text(f"CREATE TEMPORARY TABLE {subject}_after AS {present}"), {"source_id": source_id})
        summary[subject] = {
            "new": _difference(connection, f"{subject}_after", f"{subject}_before"),
            "gone": _difference(connection, f"{subject}_before", f"{subject}_after"),
        }
    _drop(connection)
    return summary


def of_nothing_new(outcomes: Outcomes, open_now: OpenTotals) -> dict[str, Any]:
    """The summary of an import that changed nothing."""
    nothing = {"new": {"count": 0, "names": []}, "gone": {"count": 0, "names": []}}
    return {"bySeverity": by_severity(outcomes, open_now), **dict.fromkeys(_PRESENT, nothing)}


def by_severity(outcomes: Outcomes, open_now: OpenTotals) -> dict[str, dict[str, int]]:
    """For each severity by name, the worst first: the import's outcomes, and the findings that are ``open`` now."""
    return {
        severity.name.lower(): {outcome: numbers.get(severity, 0) for outcome, numbers in outcomes.items()}
        | {"open": open_now.get(severity, (0, 0.0))[0]}
        for severity in WORST_FIRST
    }


def _difference(connection: Connection, these: str, those: str) -> dict[str, Any]:
    found = connection.execute(text(f"SELECT name FROM {these} EXCEPT SELECT name FROM {those} ORDER BY name"))
    names = list(found.scalars())
    return {"count": len(names), "names": names[:MAX_NAMES]}


def _drop(connection: Connection) -> None:
    """Drop the temporary tables, if they exist."""
    for subject in _PRESENT:
        for moment in ("before", "after"):
            connection.execute(text(f"DROP TABLE IF EXISTS {subject}_{moment}"))
