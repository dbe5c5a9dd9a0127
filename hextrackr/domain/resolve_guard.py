"""Decide whether an import has to ask before it resolves many findings by absence, because its file differs too much from the previous one.

Each question has reasons with figures. There must be no false alarms: a year of ordinary weekly scans, with a tenth of the findings gone
and hosts that come and go, asks nothing. The answers are: confirm, leave the others open, or assign the import to another source.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from hextrackr.errors import RequestError

from . import lifecycle, totals
from .models import ImportMode, Severity

#: The lowest number of findings resolved by absence for which an import asks.
FEWEST = 5
#: Number of columns or families that are named.
MAX_NAMES = 5

#: ``reason`` (``share``, ``lowest-severity``, ``hosts``, ``families`` or ``columns``), its figures, and ``sentence``.
Reason = dict[str, Any]

#: SQL: the number of open findings of an asset or definition, from its weight (``w``).
_OPEN = " + ".join(f"w.{severity.name.lower()}" for severity in Severity)


def reasons(connection: Connection, source_id: int, percent: int, columns_gone: Sequence[str] = ()) -> list[Reason]:
    """The reasons to ask, once ``absent`` is filled and before anything is applied; empty if there are none.

    :param percent: resolving more than this share of the open findings of the source is a reason.
    :param columns_gone: columns that the previous import had and this one lacks.
    """
    gone = lifecycle.absent_by_severity(connection)
    resolved = sum(gone.values())
    if resolved < FEWEST:
        return []
    open_now = {
        severity: count for severity, (count, _) in totals.open_in_source(connection, source_id).items() if count
    }
    found = [
        _share(resolved, sum(open_now.values()), percent),
        _lowest(gone, open_now),
        _hosts(connection, source_id),
        _families(connection, source_id),
        _columns(resolved, columns_gone),
    ]
    return [reason for reason in found if reason is not None]


def of_states(opened: int, columns: Sequence[str]) -> list[Reason]:
    """The reason to ask if the file no longer has the states of its findings.

    :param opened: the number of findings that would be new or reopened.
    :param columns: columns that the previous import had and this one lacks.
    """
    if not opened:
        return []
    findings = "1 finding" if opened == 1 else f"{opened:,} findings"
    sentence = (
        f"The file lacks {_columns_named(columns)}, which had the states of findings in the previous import; "
        f"it would open {findings}."
    )
    return [{"reason": "columns", "columns": list(columns[:100]), "opened": opened, "sentence": sentence}]


def _share(resolved: int, open_now: int, percent: int) -> Reason | None:
    if resolved * 100 <= open_now * percent:
        return None
    sentence = f"{resolved:,} of the {open_now:,} open findings of this source are not in the file."
    return {"reason": "share", "resolved": resolved, "open": open_now, "sentence": sentence}


def _lowest(gone: dict[int, int], open_now: dict[int, int]) -> Reason | None:
    """The reason that all findings of the lowest severities are gone, which is typical of a filtered export."""
    severities: list[int] = []
    for severity in sorted(open_now):
        if gone.get(severity) != open_now[severity]:
            break
        severities.append(severity)
    count = sum(open_now[severity] for severity in severities)
    if count < FEWEST or len(severities) == len(open_now):
        return None  # if all severities are gone, the share is the reason
    names = [Severity(severity).name.capitalize() for severity in severities]
    sentence = f"The file has none of the {count:,} open findings of severity {' and '.join(names)}; was the export filtered by severity?"
    return {"reason": "lowest-severity", "severities": names, "resolved": count, "sentence": sentence}


def _hosts(connection: Connection, source_id: int) -> Reason | None:
    hosts, gone = connection.execute(
        text(f"""
        SELECT count(*), count(*) FILTER (WHERE g.gone = {_OPEN})
        FROM asset_weights w JOIN assets a ON a.id = w.asset_id AND a.source_id = :source_id
        LEFT JOIN (SELECT f.asset_id, count(*) AS gone FROM absent b JOIN findings f ON f.id = b.finding_id GROUP BY f.asset_id) AS g
          ON g.asset_id = w.asset_id
        """),
        {"source_id": source_id},
    ).one()
    if 2 * gone <= hosts:
        return None
    sentence = f"{gone:,} of the {hosts:,} hosts with open findings have none of them in the file."
    return {"reason": "hosts", "gone": gone, "hosts": hosts, "sentence": sentence}


def _families(connection: Connection, source_id: int) -> Reason | None:
    families = connection.execute(
        text(f"""
        SELECT o.family, o.findings, coalesce(g.gone, 0)
        FROM (SELECT d.family, sum({_OPEN}) AS findings FROM definition_weights w
              JOIN definitions d ON d.id = w.definition_id AND d.source_id = :source_id WHERE d.family IS NOT NULL
              GROUP BY d.family) AS o
        LEFT JOIN (SELECT d.family, count(*) AS gone FROM absent b JOIN findings f ON f.id = b.finding_id
                   JOIN definitions d ON d.id = f.definition_id GROUP BY d.family) AS g ON g.family = o.family
        ORDER BY o.family
        """),
        {"source_id": source_id},
    ).all()
    gone = [family for family, open_now, absent in families if open_now == absent]
    if 2 * len(gone) <= len(families):
        return None
    sentence = f"The file has none of the findings of {len(gone)} of {len(families)} families: {_named(gone)}."
    return {"reason": "families", "gone": len(gone), "families": len(families), "sentence": sentence}


def _columns(resolved: int, columns: Sequence[str]) -> Reason | None:
    if not columns:
        return None
    sentence = (
        f"The file lacks {_columns_named(columns)}, which the previous import had; {resolved:,} findings are not in it."
    )
    return {"reason": "columns", "columns": list(columns[:100]), "resolved": resolved, "sentence": sentence}


def _columns_named(columns: Sequence[str]) -> str:
    return f"the column {columns[0]}" if len(columns) == 1 else f"the columns {_named(columns)}"


def _named(names: Sequence[str]) -> str:
    more = len(names) - MAX_NAMES
    return ", ".join(names[:MAX_NAMES]) + (f" and {more} more" if more > 0 else "")


_MAX_LABEL = 100


@dataclass(frozen=True)
class Answer:
    """An answer; an empty one confirms.

    :ivar source: the label of the source to which the file belongs instead; there the import may have to ask again.
    :ivar leave_open: resolve nothing by absence.
    """

    source: str = ""
    leave_open: bool = False


YES = Answer()


def parse_answer(payload: Mapping[str, Any]) -> Answer:
    """Parse an answer: empty to confirm, ``{"source": label}`` or ``{"mode": "delta"}``.

    :raises RequestError: it is none of these.
    """
    if unknown := sorted(set(payload) - {"source", "mode"}):
        raise RequestError(f"Unknown key '{unknown[0]}'. Expected: source, mode, or nothing to confirm.")
    if len(payload) == 2:
        raise RequestError(
            "Send either source or mode. Another source has its own findings, and asks again if necessary."
        )
    if "mode" in payload and payload["mode"] != ImportMode.DELTA:
        raise RequestError("mode must be delta here, which leaves the others open.")
    return Answer(_label(payload["source"]) if "source" in payload else "", leave_open="mode" in payload)


def _label(value: Any) -> str:
    label = " ".join(value.split()) if isinstance(value, str) else ""
    if not 0 < len(label) <= _MAX_LABEL:
        raise RequestError(f"source must be a label of 1 to {_MAX_LABEL} characters.")
    return label
