"""Holds every request against the table of permissions, and tells the audit what the table says it should be told."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, g, redirect, request, url_for

from hextrackr.errors import NotPermitted, SignInNeeded

from . import Auth, actors, audit
from .actors import Actor
from .permissions import OPEN, ROUTES, Permission

#: What programs ask for: the answer is an error and no page to sign in.
_FOR_PROGRAMS = ("/api/", "/metrics", "/ready", "/health")


def init_app(app: Flask) -> None:
    """Guard the routes of an app that has a sign-in."""
    auth: Auth = app.extensions["auth"]
    if auth.is_on:
        app.before_request(check)
        app.after_request(tell_audit)


def check() -> Any:
    """Refuse who may not use the route that is asked for; a page leads to where one signs in.

    :raises SignInNeeded: nobody is signed in.
    :raises NotPermitted: whoever is may not.
    """
    if request.endpoint is None or request.method == "OPTIONS":
        return None  # there is no such route; a browser asks beforehand, without a cookie
    permission = ROUTES.get(request.endpoint)
    if permission is OPEN:
        return None
    actor = actors.current()
    if actor is None:
        if request.method == "GET" and not request.path.startswith(_FOR_PROGRAMS):
            return redirect(url_for("account.sign_in", next=_here()))
        raise SignInNeeded(_why_nobody())
    refuse(actor, permission)
    return None


def refuse(actor: Actor, permission: Permission | None) -> None:
    """Refuse an actor who may not do something.

    :raises NotPermitted: the sentence says what is needed.
    """
    if refusal := actor.refusal(permission):
        raise NotPermitted(refusal)


def _here() -> str | None:
    query = request.query_string.decode("ascii", "replace")
    here = f"{request.path}?{query}" if query else request.path
    return None if here == "/" else here


def _why_nobody() -> str | None:
    if "Authorization" in request.headers:
        return "This token is not known here, was revoked or has run out."
    return None


def tell_audit(response: Response) -> Response:
    """Write an entry for a request whose route the table has an action for; of nobody's there is only the line of the log."""
    permission = ROUTES.get(request.endpoint or "")
    if permission is None or not permission.action or request.method == "OPTIONS":
        return response
    if actors.shown() is None:
        return response
    body = response.get_json(silent=True) if response.is_json and not response.is_streamed else None
    answer: dict[str, Any] = body if isinstance(body, dict) else {}
    error = answer.get("error") if response.status_code >= 400 else None
    outcome = audit.OK if response.status_code < 400 else str((error or {}).get("code", response.status_code))
    told = g.get("audit_about", {})
    audit.record(
        permission.action,
        told.get("target") or _target(answer),
        outcome=outcome,
        before=told.get("before"),
        after=told.get("after") or _after(answer),
    )
    return response


def _target(answer: dict[str, Any]) -> str:
    """What a request was about."""
    arguments = request.view_args or {}
    if "import_id" in arguments:
        return f"import {arguments['import_id']}"
    if "importId" in answer:
        return f"import {answer['importId']}"
    named = arguments.get("name") or answer.get("name")
    return str(named) if named else request.path.removeprefix("/api/")


#: Of the answer to a request that changed something, what is worth remembering.
_TOLD = ("importId", "filename", "source", "state", "name", "inserted", "updated", "reopened", "resolved")


def _after(answer: dict[str, Any]) -> dict[str, Any] | None:
    if request.method == "GET":
        return dict(request.args) or None
    told = {name: answer[name] for name in _TOLD if name in answer}
    said = request.get_json(silent=True)
    if isinstance(said, dict):
        told["request"] = {name: value for name, value in said.items() if isinstance(value, str | int | bool)}
    return told or None
