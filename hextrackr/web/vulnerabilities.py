"""Findings: lists, groups, exports and single findings; hosts, vulnerabilities and CVEs; totals."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request
from sqlalchemy import select, text

from hextrackr.auth import actors
from hextrackr.domain.models import CURRENT_IMPORT, Import
from hextrackr.extensions import db, import_queue
from hextrackr.ingest import saved_mappings

from . import answers, exports
from .answers import answer, ask, page_of

blueprint = Blueprint("vulnerabilities", __name__, url_prefix="/api")


@blueprint.get("/vulnerabilities")
def vulnerabilities() -> Response:
    """Answer a page of findings."""
    return page_of("list_findings")


@blueprint.get("/vulnerabilities/groups")
def groups() -> Response:
    """Answer a page of groups of findings."""
    return page_of("list_groups")


@blueprint.get("/vulnerabilities/suggest")
def suggestions() -> Response:
    """Answer suggestions for the value of a filter."""
    return answer("suggest", **request.args.to_dict())


@blueprint.get("/vulnerabilities/export.csv", defaults={"kind": "csv"})
@blueprint.get("/vulnerabilities/export.json", defaults={"kind": "json"})
@blueprint.get("/vulnerabilities/export.jsonl", defaults={"kind": "jsonl"})
@blueprint.get("/vulnerabilities/export.xlsx", defaults={"kind": "xlsx"})
def exported(kind: str) -> Response:
    """Answer all findings that match the query as a file."""
    return exports.response(kind, request.args.to_dict())


@blueprint.get("/vulnerabilities/<int:finding_id>")
def one_vulnerability(finding_id: int) -> Response:
    """Answer one finding with its history; with a sign-in, its events name who started their imports."""
    if not actors.has_sign_in():
        return answer("one_finding", id=finding_id)
    finding = ask("one_finding", id=finding_id)
    numbers = {event["importId"] for event in finding["history"]}
    rows = db.session.execute(select(Import.id, Import.started_by).where(Import.id.in_(numbers)))
    started = {row.id: row.started_by for row in rows}
    history = [{**event, "startedBy": started.get(event["importId"], "")} for event in finding["history"]]
    return jsonify({**finding, "history": history})


@blueprint.get("/vulnerabilities/stats")
def stats() -> dict[str, Any]:
    """Answer the totals over all sources."""
    newest = select(Import).where(text(CURRENT_IMPORT)).order_by(Import.id.desc()).limit(1)
    last = db.session.scalars(newest).first()
    mapped = saved_mappings.scanners(db.session)
    latest = answers.of_import(last, import_queue.undoable(), mapped) if last else None
    return {**ask("totals"), "lastImport": latest}


@blueprint.get("/hosts/<int:host_id>")
def host(host_id: int) -> Response:
    """Answer a host with its findings of all sources."""
    return answer("one_host", id=host_id)


@blueprint.get("/definitions/<int:definition_id>")
def definition(definition_id: int) -> Response:
    """Answer a vulnerability as one source reports it."""
    return answer("one_definition", id=definition_id)


@blueprint.get("/cves/<cve>")
def one_cve(cve: str) -> Response:
    """Answer a CVE with the vulnerabilities of all sources that name it."""
    return answer("one_cve", cve=cve)


@blueprint.get("/sources")
def sources() -> Response:
    """Answer all sources with their open findings."""
    return answer("sources")
