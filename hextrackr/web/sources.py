"""Sources: list, rename, retire, activate and merge them."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from flask import Blueprint, Response, render_template, request

from hextrackr.auth import audit
from hextrackr.domain.models import Source
from hextrackr.errors import HexTrackrError, RequestError
from hextrackr.extensions import reader, source_service
from hextrackr.queries import parameters

from . import payloads
from .answers import answer

blueprint = Blueprint("sources", __name__)

#: The value of ``confirm`` that a merge requires.
WORD = "MERGE"


@blueprint.get("/sources")
def page() -> str:
    """Show the page of sources."""
    return render_template("sources.html")


@blueprint.get("/api/sources/overview")
def overview() -> Response:
    """Answer all sources with their labels, scans and open findings."""
    return answer("source_overview")


@blueprint.post("/api/sources/<int:source_id>/rename")
def rename(source_id: int) -> dict[str, Any]:
    """Change the label of a source; imports with the old label still go to it."""
    label = payloads.optional().get("label")
    if not isinstance(label, str):
        raise RequestError("label must be a string, the new label.")
    before = source_service.get(source_id)
    return _changed(before, source_service.rename(source_id, label))


@blueprint.post("/api/sources/<int:source_id>/retire")
def retire(source_id: int) -> dict[str, Any]:
    """Retire a source: its findings no longer count as open."""
    return _changed(source_service.get(source_id), source_service.retire(source_id))


@blueprint.post("/api/sources/<int:source_id>/activate")
def activate(source_id: int) -> dict[str, Any]:
    """Activate a retired source: its findings count as open again."""
    return _changed(source_service.get(source_id), source_service.activate(source_id))


@blueprint.get("/api/sources/<int:source_id>/merge")
def forecast(source_id: int) -> dict[str, Any]:
    """Answer what a merge into the source ``into`` would do."""
    into = parameters.numbers(request.args, "into")
    if len(into) != 1:
        raise RequestError("into must be the id of a source.")
    return _figures(source_service.forecast(source_id, into[0]))


@blueprint.post("/api/sources/<int:source_id>/merge")
def merge(source_id: int) -> dict[str, Any]:
    """Merge a source into another one, and answer when that is done; with ``sessionId``, told as a progress session meanwhile."""
    body = payloads.optional()
    into = body.get("into")
    if isinstance(into, bool) or not isinstance(into, int) or not 1 <= into <= parameters.MAX_NUMBER:
        raise RequestError("into must be the id of a source.")
    if body.get("confirm") != WORD:
        raise RequestError(f'A merge cannot be undone. To confirm, send "confirm": "{WORD}".')
    merged, other = source_service.get(source_id), source_service.get(into)
    session_id = body.get("sessionId")
    figures = _figures(source_service.merge(source_id, into, str(session_id) if session_id else None))
    audit.about(_named(merged), before=_fields(merged), after={"into": into, "source": other.label, **figures})
    return {"success": True, **_fields(other), **figures}


def _changed(before: Source, after: Source) -> dict[str, Any]:
    """Return the response to a change, after the lists show it."""
    with suppress(HexTrackrError):  # the change is committed; the lists show it as soon as they can
        reader.refresh()
    audit.about(_named(before), before=_fields(before), after=_fields(after))
    return {"success": True, **_fields(after)}


def _named(source: Source) -> str:
    return f"source {source.id} {source.label}".rstrip()


def _fields(source: Source) -> dict[str, Any]:
    retired_on = source.retired_on.isoformat() if source.retired_on else None
    return {"sourceId": source.id, "scanner": source.scanner, "source": source.label, "retiredOn": retired_on}


def _figures(figures: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of a merge as the API names them; empty if its process ended after the commit."""
    names = {
        "hosts": "hosts", "joined_hosts": "joinedHosts", "definitions": "definitions", "joined_definitions": "joinedDefinitions",
        "findings": "findings", "joined_findings": "joinedFindings", "open_before": "openBefore", "open_after": "openAfter",
    }  # fmt: skip
    return {names[name]: figure for name, figure in figures.items()}
