"""Lists of findings, and one finding with its history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hextrackr.domain.fields import FINDING, VULNERABILITY, Kind
from hextrackr.domain.models import WORST_FIRST, Severity
from hextrackr.errors import NotFound
from hextrackr.ingest import formats
from hextrackr.readmodel.questions import question

from . import order
from .columns import COLUMNS, Column
from .filters import Where, findings, where
from .order import Key

if TYPE_CHECKING:
    import duckdb

Parameters = Mapping[str, Any]

#: Maximum characters of a text in a list, CVEs of a vulnerability in a list, and entries of any other list in a response.
TEXT, CVES, ENTRIES = 300, 100, 500
SORTS = {column.name: column.order or (Key(column.sql),) for column in COLUMNS.values()}
#: SQL: the number of findings of each severity, worst first.
COUNTS = ", ".join(
    f"count(*) FILTER (f.severity = {severity.value}) AS {severity.name.lower()}" for severity in WORST_FIRST
)
#: Columns with texts that may be long.
_TEXTS = ("host", "fqdn", "ip", "pluginId", "title", "family")


def _beginning(column: Column) -> str:
    """Return SQL for a value; of a long text one character more than is shown, so that :func:`shown` sees whether it is cut."""
    return f"left({column.sql}, {TEXT + 1})" if column.name in _TEXTS else column.sql


_SHOWN = [column for column in COLUMNS.values() if not column.on_request and column.name != "cves"]
_RECORDS = f"""
    SELECT {", ".join(f'{_beginning(column)} AS "{column.name}"' for column in _SHOWN)},
           d.cves, s.scanner_name AS "scannerName",
           f.host_id AS "hostId", f.definition_id AS "definitionId", f.source_id AS "sourceId"
    FROM {findings("h. d. s. w.")}
    WHERE f.id IN (SELECT unnest($ids))
"""


@question
def list_findings(cursor: duckdb.DuckDBPyConnection, parameters: Parameters) -> dict[str, Any]:
    """Answer a page of findings.

    :param parameters: the query string: the filters of :mod:`.filters`, ``sort``, ``order``, ``page`` or ``cursor``, ``limit``.
    :return: ``data``, ``pagination``, the ``totals`` of all matching findings, and ``filters``, their descriptions.
    :raises RequestError: a parameter is unknown or out of range.
    """
    limited = where(parameters)
    ordered = order.requested(parameters, SORTS, "severity", "f.id")
    page = order.page(parameters, ordered)
    totals = totals_of(cursor, limited)
    page.refuse_if_deep(totals["findings"])
    ids = _page(cursor, limited, ordered, page)
    is_last = len(ids) <= page.limit
    ids = ids[: page.limit]
    return {
        "data": records(cursor, ids),
        "pagination": page.pagination(totals["findings"], None if is_last else _position(cursor, ordered, ids[-1])),
        "totals": totals,
        "filters": limited.sentences,
    }


def _page(cursor: duckdb.DuckDBPyConnection, limited: Where, ordered: order.Order, page: order.Page) -> list[int]:
    """Return the ids of the findings of a page, and the id after them if there is one."""
    condition, values = limited.sql, limited.values
    if page.after is not None:
        after, position = ordered.after(page.after)
        condition, values = f"{condition} AND {after}", values | position
    found = cursor.execute(
        f"""
        SELECT f.id FROM {findings(condition, ordered.sql)}
        WHERE {condition} ORDER BY {ordered.sql} LIMIT {page.limit + 1} OFFSET {page.offset}
        """,
        values,
    ).fetchall()
    return [number for (number,) in found]


def _position(cursor: duckdb.DuckDBPyConnection, ordered: order.Order, number: int) -> Sequence[Any]:
    """Return the sort keys of a finding."""
    keys = ", ".join(ordered.keys)
    return cursor.execute(f"SELECT {keys} FROM {findings(keys)} WHERE f.id = $id", {"id": number}).fetchone() or ()


def totals_of(cursor: duckdb.DuckDBPyConnection, limited: Where) -> dict[str, Any]:
    """Return the number of matching findings, by severity as well, and the sum of their VPR."""
    found = cursor.execute(
        f"SELECT f.severity, count(*), coalesce(sum(f.vpr), 0) FROM {findings(limited.sql)} WHERE {limited.sql} GROUP BY f.severity",
        limited.values,
    ).fetchall()
    counts = {severity: count for severity, count, _ in found}
    return {
        "findings": sum(counts.values()),
        "vprSum": round(sum(vpr_sum for *_, vpr_sum in found), 1),
        "bySeverity": by_severity([counts.get(severity.value, 0) for severity in WORST_FIRST]),
    }


def by_severity(counts: Sequence[int]) -> dict[str, int]:
    """Return counts, which are ordered worst first, by the name of the severity."""
    return {severity.name.lower(): count for severity, count in zip(WORST_FIRST, counts, strict=True)}


def records(cursor: duckdb.DuckDBPyConnection, ids: Sequence[int]) -> list[dict[str, Any]]:
    """Return these findings, in this order, as a list shows them."""
    found = {row["id"]: _record(row) for row in rows(cursor.execute(_RECORDS, {"ids": list(ids)}))}
    return [found[number] for number in ids if number in found]


def _record(row: dict[str, Any]) -> dict[str, Any]:
    cves = row["cves"] or []
    return {
        **row,
        **{name: shown(row[name]) for name in _TEXTS},
        "cves": cves[:CVES],
        "cvesTotal": len(cves),
        "scannerName": formats.scanner_name(row["scanner"], row["scannerName"]),
        "checkName": formats.check_name(row["scanner"], row["pluginId"] or "", row["title"] or ""),
    }


def rows(result: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """Return the rows of a result as dictionaries."""
    assert result.description is not None
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def shown(text: str | None) -> str | None:
    """Return a text as a list shows it: one that is too long is cut and ends with an ellipsis."""
    return text if text is None or len(text) <= TEXT else f"{text[: TEXT - 1]}\u2026"


@question
def one_finding(cursor: duckdb.DuckDBPyConnection, parameters: Parameters) -> dict[str, Any]:
    """Answer a finding as in a list, with its evidence, the texts of its vulnerability, and its history, oldest event first.

    :param parameters: ``id``.
    :raises NotFound: ``UNKNOWN_FINDING``.
    """
    number = parameters["id"]
    found = records(cursor, [number])
    if not found:
        raise NotFound(f"There is no finding with the number {number}.", "UNKNOWN_FINDING")
    texts = ", ".join(f'd.{field.name} AS "{field.key}"' for field in VULNERABILITY if field.kind is not Kind.SCORE)
    (more,) = rows(
        cursor.execute(
            f"""
            SELECT {texts}, e.text AS evidence
            FROM finding f JOIN definition d ON d.id = f.definition_id LEFT JOIN evidence e ON e.id = f.evidence_id WHERE f.id = $id
            """,
            {"id": number},
        )
    )
    return {**found[0], **more, **_history(cursor, number)}


def _history(cursor: duckdb.DuckDBPyConnection, number: int) -> dict[str, Any]:
    """Return the events, at most the last :data:`ENTRIES`, and their total number."""
    values = ", ".join(f"f.{field.name}" for field in FINDING)
    opening = cursor.execute(
        f"""
        SELECT i.id, i.filename, i.scan_date, f.state, f.severity, {values}
        FROM finding f JOIN import i ON i.id = f.opened_by WHERE f.id = $id
        """,
        {"id": number},
    ).fetchone()
    after, before = (", ".join(f"c.{field.name}{which}" for field in FINDING) for which in ("", "_before"))
    changes = cursor.execute(
        f"""
        SELECT i.id, i.filename, c.day, c.kind, c.severity, [{after}], c.state_before, c.severity_before, [{before}]
        FROM finding_change c JOIN import i ON i.id = c.import_id WHERE c.finding_id = $id ORDER BY c.day, i.place, i.id
        """,
        {"id": number},
    ).fetchall()
    events = []
    if opening is not None:
        import_id, filename, day, *now = opening
        state, severity, *values_after = now if not changes else (*changes[0][6:8], *changes[0][8])
        kind = "resolved" if state == "resolved" else "opened"
        events.append(
            {
                "importId": import_id,
                "filename": filename,
                "kind": kind,
                "day": day,
                "before": None,
                "after": _values(_AFTER[kind], severity, values_after),
            }
        )
    for import_id, filename, day, kind, severity, values_after, state_before, severity_before, values_before in changes:
        events.append(
            {
                "importId": import_id,
                "filename": filename,
                "kind": kind,
                "day": day,
                "before": _values(state_before, severity_before, values_before),
                "after": _values(_AFTER.get(kind, state_before), severity, values_after),
            }
        )
    return {"history": events[-ENTRIES:], "historyTotal": len(events)}


#: Event -> the state of a finding after it.
_AFTER = {"opened": "active", "reopened": "reopened", "resolved": "resolved"}


def _values(state: str | None, severity: int | None, values: Sequence[Any]) -> dict[str, Any]:
    named = None if severity is None else Severity(severity).name.lower()
    return {"state": state, "severity": named} | {
        field.key: value for field, value in zip(FINDING, values, strict=True)
    }
