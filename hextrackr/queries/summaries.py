"""The pages of a host, a vulnerability and a CVE: its details, its open findings, and what each import changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hextrackr.domain.fields import HOST, NAME, VULNERABILITY
from hextrackr.domain.models import is_open
from hextrackr.domain.sources import RETIRED
from hextrackr.errors import NotFound
from hextrackr.ingest import formats
from hextrackr.readmodel.questions import question

from .columns import HOST_NAME
from .filters import HOST_NAMED, findings, host_name
from .findings import COUNTS, ENTRIES, by_severity, rows, shown

if TYPE_CHECKING:
    import duckdb

#: The maximum number of CVEs of a vulnerability on its own page, which is also the limit of an import.
CVES = 2_000
_SOURCE = 's.id AS "sourceId", s.scanner, s.scanner_name AS "scannerName", s.label AS source'
_SCORES = ("cvss", "vpr", "epss")


@question
def one_host(cursor: duckdb.DuckDBPyConnection, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a host, the same machine in other sources, and its findings in all of them.

    :param parameters: ``id``.
    :raises NotFound: ``UNKNOWN_HOST``.
    """
    values = ", ".join(f'h.{field.name} AS "{field.key}"' for field in HOST)
    hosts = rows(
        cursor.execute(
            f"""
            SELECT h.id AS "hostId", {HOST_NAME} AS host, {values}, h.details, {_SOURCE}, h.machine_id
            FROM host h JOIN source s ON s.id = h.source_id
            WHERE h.machine_id = (SELECT machine_id FROM host WHERE id = $id) ORDER BY h.id <> $id, h.id
            """,
            {"id": parameters["id"]},
        )
    )
    if not hosts:
        raise NotFound(f"There is no host with the number {parameters['id']}.", "UNKNOWN_HOST")
    machine = hosts[0]["machine_id"]
    this, *others = (_host(row) for row in hosts)
    return {**this, "otherSources": others, **_figures(cursor, "h.machine_id = $machine", {"machine": machine})}


@question
def hosts_named(cursor: duckdb.DuckDBPyConnection, parameters: Mapping[str, Any]) -> list[int]:
    """Answer the ids of the hosts with a name or an address; a machine that is in several sources counts as one.

    :param parameters: ``name``.
    :raises NotFound: ``UNKNOWN_HOST``.
    """
    found = cursor.execute(
        f"SELECT min(h.id) FROM host h WHERE {HOST_NAMED} GROUP BY h.machine_id ORDER BY 1",
        {"hostName": host_name(parameters["name"])},
    ).fetchall()
    if not found:
        raise NotFound(f"There is no host '{parameters['name'][:NAME]}'.", "UNKNOWN_HOST")
    return [number for (number,) in found]


@question
def one_definition(cursor: duckdb.DuckDBPyConnection, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a vulnerability as one source reports it, with its findings.

    :param parameters: ``id``.
    :raises NotFound: ``UNKNOWN_DEFINITION``.
    """
    values = ", ".join(f'd.{field.name} AS "{field.key}"' for field in VULNERABILITY)
    found = rows(
        cursor.execute(
            f"""
            SELECT d.id AS "definitionId", d.key AS "pluginId", {values}, d.details, {_SOURCE}, d.cves
            FROM definition d JOIN source s ON s.id = d.source_id WHERE d.id = $id
            """,
            {"id": parameters["id"]},
        )
    )
    if not found:
        raise NotFound(f"There is no vulnerability with the number {parameters['id']}.", "UNKNOWN_DEFINITION")
    (this,) = found
    cves = this["cves"] or []
    return {
        **this,
        "scannerName": formats.scanner_name(this["scanner"], this["scannerName"]),
        "checkName": formats.check_name(this["scanner"], this["pluginId"], this["title"] or ""),
        "cves": cves[:CVES],
        "cvesTotal": len(cves),
        "details": json.loads(this["details"] or "{}"),
        **_figures(cursor, "f.definition_id = $definition", {"definition": parameters["id"]}),
    }


@question
def one_cve(cursor: duckdb.DuckDBPyConnection, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a CVE with the vulnerabilities of all sources that name it, and their findings.

    :param parameters: ``cve``.
    :raises NotFound: ``UNKNOWN_CVE``.
    """
    cve = parameters["cve"].upper()
    scores = ", ".join(f"d.{name}" for name in _SCORES)
    naming = rows(
        cursor.execute(
            f"""
            SELECT d.id AS "definitionId", d.key AS "pluginId", d.title, d.family, {scores}, {_SOURCE}, count(*) OVER () AS total
            FROM definition d JOIN source s ON s.id = d.source_id
            WHERE d.id IN (SELECT definition_id FROM definition_cve WHERE cve = $cve) ORDER BY d.id LIMIT {ENTRIES}
            """,
            {"cve": cve},
        )
    )
    if not naming:
        raise NotFound(f"There is no finding with '{cve[:NAME]}'.", "UNKNOWN_CVE")
    total = naming[0]["total"]
    definitions = []
    for row in naming:
        del row["total"]
        texts = {name: shown(row[name]) for name in ("pluginId", "title", "family")}
        definitions.append({**row, **texts, "scannerName": formats.scanner_name(row["scanner"], row["scannerName"])})
    condition = "f.definition_id IN (SELECT definition_id FROM definition_cve WHERE cve = $cve)"
    return {
        "cve": cve,
        "definitions": definitions,
        "definitionsTotal": total,
        **_figures(cursor, condition, {"cve": cve}),
    }


def _host(row: dict[str, Any]) -> dict[str, Any]:
    del row["machine_id"]
    name = formats.scanner_name(row["scanner"], row["scannerName"])
    return {**row, "scannerName": name, "details": json.loads(row["details"] or "{}")}


def _figures(cursor: duckdb.DuckDBPyConnection, condition: str, values: dict[str, Any]) -> dict[str, Any]:
    """Return the open findings that match a condition: their number, hosts, severities and history by import."""
    total, hosts, vpr_sum, oldest, *counts = (
        cursor.execute(
            f"""
        SELECT count(*), count(DISTINCT h.machine_id), coalesce(sum(f.vpr), 0), min(f.first_seen), {COUNTS}
        FROM {findings("h.", condition)} WHERE f.is_open AND {condition}
        """,
            values,
        ).fetchone()
        or ()
    )
    return {
        "open": total,
        "openHosts": hosts,
        "vprSum": round(vpr_sum, 1),
        "oldest": oldest,
        "bySeverity": by_severity(counts),
        "history": _history(cursor, condition, values),
    }


def _history(cursor: duckdb.DuckDBPyConnection, condition: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what each import opened, resolved and reopened, and how many findings were open after it, oldest first.

    A finding that was already resolved when it was first imported was never open. A finding that is reopened twice in a row was open before
    the second time. Findings of a retired source are not counted as open.
    """
    imports = rows(
        cursor.execute(
            f"""
            WITH these AS (SELECT f.id, f.opened_by, f.state FROM {findings(condition)} WHERE {condition} AND f.state <> '{RETIRED}'),
            changes AS (
                SELECT c.import_id, c.finding_id, c.state_before,
                       CASE WHEN c.kind = 'reopened' AND {is_open("c.state_before")} THEN 'changed' ELSE c.kind END AS kind
                FROM finding_change c JOIN these ON these.id = c.finding_id),
            first_changes AS (
                SELECT finding_id, arg_min(state_before, (coalesce(i.place, 0), i.id)) AS state
                FROM changes JOIN import i ON i.id = import_id GROUP BY finding_id),
            events AS (
                SELECT opened_by AS import_id, 'opened' AS kind FROM these LEFT JOIN first_changes ON finding_id = these.id
                WHERE opened_by IS NOT NULL AND {is_open("coalesce(first_changes.state, these.state)")}
                UNION ALL SELECT import_id, kind FROM changes)
            SELECT i.id AS "importId", i.filename, i.scan_date AS day, {_SOURCE},
                   count(*) FILTER (kind = 'opened') AS opened, count(*) FILTER (kind = 'resolved') AS resolved,
                   count(*) FILTER (kind = 'reopened') AS reopened, count(*) FILTER (kind = 'changed') AS changed
            FROM events JOIN import i ON i.id = import_id JOIN source s ON s.id = i.source_id
            GROUP BY i.id, i.filename, i.scan_date, i.place, s.id, s.scanner, s.scanner_name, s.label
            ORDER BY i.scan_date NULLS FIRST, i.place NULLS FIRST, i.id
            """,
            values,
        )
    )
    open_now = 0
    for row in imports:
        open_now += row["opened"] + row["reopened"] - row["resolved"]
        row["open"] = open_now
        row["scannerName"] = formats.scanner_name(row["scanner"], row["scannerName"])
    return imports
