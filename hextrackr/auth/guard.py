"""Check the permission of every request, and write audit entries for the routes that have an action."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, g, redirect, request, url_for

from hextrackr.errors import NotPermitted, SignInNeeded

from . import Auth, actors, audit
from .actors import Actor
from .permissions import OPEN, ROUTES, Permission

#: Paths for programs, which get an error instead of a redirect to the sign-in page.
_FOR_PROGRAMS = ("/api/", "/metrics", "/ready", "/health")


def init_app(app: Flask) -> None:
    """Check the requests of an app that has a sign-in."""
    auth: Auth = app.extensions["auth"]
    if auth.is_on:
        app.before_request(check)
        app.after_request(write_audit)


def check() -> Any:
    """Refuse a request whose user may not use its route; redirect to the sign-in page if nobody is signed in and it is for a page.

    :raises SignInNeeded: nobody is signed in.
    :raises NotPermitted: the user's role is not sufficient.
    """
    if request.endpoint is None or request.method == "OPTIONS":
        return None  # there is no such route, or it is a CORS preflight, which has no cookie
    permission = ROUTES.get(request.endpoint)
    if permission is OPEN:
        return None
    actor = actors.current()
    if actor is None:
        if request.method == "GET" and not request.path.startswith(_FOR_PROGRAMS):
            return redirect(url_for("account.sign_in", next=_here()))
        raise SignInNeeded(_reason())
    require(actor, permission)
    return None


def require(actor: Actor, permission: Permission | None) -> None:
    """Refuse an actor who does not have a permission.

    :raises NotPermitted: the message says which role is needed.
    """
    if refusal := actor.refusal(permission):
        raise NotPermitted(refusal)


def _here() -> str | None:
    query = request.query_string.decode("ascii", "replace")
    here = f"{request.path}?{query}" if query else request.path
    return None if here == "/" else here


def _reason() -> str | None:
    """Return why nobody is signed in, if it is a token."""
    if "Authorization" in request.headers:
        return "This token does not exist, was revoked or has expired."
    return None


def write_audit(response: Response) -> Response:
    """Write an audit entry for a request whose route has an action, unless nobody is signed in."""
    permission = ROUTES.get(request.endpoint or "")
    if permission is None or not permission.action or request.method == "OPTIONS":
        return response
    if actors.shown() is None:
        return response
    body = response.get_json(silent=True) if response.is_json and not response.is_streamed else None
    answer: dict[str, Any] = body if isinstance(body, dict) else {}
    error = answer.get("error") if response.status_code >= 400 else None
    outcome = audit.OK if response.status_code < 400 else str((error or {}).get("code", response.status_code))
    about = g.get("audit_about", {})
    audit.record(
        permission.action,
        about.get("target") or _target(answer),
        outcome=outcome,
        before=about.get("before"),
        after=about.get("after") or _after(answer),
    )
    return response


def _target(answer: dict[str, Any]) -> str:
    """Return the target of the current request."""
    arguments = request.view_args or {}
    if "import_id" in arguments:
        return f"import {arguments['import_id']}"
    if "importId" in answer:
        return f"import {answer['importId']}"
    named = arguments.get("name") or answer.get("name")
    return str(named) if named else request.path.removeprefix("/api/")


#: Fields of a response that are stored in the audit entry.
_LOGGED = ("importId", "filename", "source", "state", "name", "inserted", "updated", "reopened", "resolved")


def _after(answer: dict[str, Any]) -> dict[str, Any] | None:
    if request.method == "GET":
        return dict(request.args) or None
    after = {name: answer[name] for name in _LOGGED if name in answer}
    payload = request.get_json(silent=True)
    if isinstance(payload, dict):
        after["request"] = {name: value for name, value in payload.items() if isinstance(value, str | int | bool)}
    return after or None
