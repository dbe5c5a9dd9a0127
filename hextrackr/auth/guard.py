"""Whose requests and sockets are let in: those from pages of ours, of somebody whom the table of permissions allows what is asked.

Tells the audit what the table says it should be told. A socket whose login has ended is cut off (see :mod:`.watch`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, g, redirect, request, url_for

from hextrackr.errors import NotPermitted, SignInNeeded
from hextrackr.progress import protocol

from . import Auth, actors, audit, watch
from .actors import Actor
from .permissions import EVENTS, OPEN, ROUTES, Permission, Role

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_PORTS = {"http": 80, "https": 443}


class OwnOrigins:
    """The origins of our own pages, and of others that may call the API.

    :param allowed: complete origins.
    :param hosts: the setting ``ALLOWED_HOSTS``; a name with a leading dot includes its subdomains.
    """

    def __init__(self, allowed: Iterable[str], hosts: Sequence[str]) -> None:
        self._allowed = frozenset(allowed)
        self._hosts = hosts

    def include(self, origin: str, host: str) -> bool:
        """Return whether a page of this origin is ours.

        :param host: the header ``Host`` of the request.
        """
        if origin in self._allowed:
            return True
        try:
            parts = urlsplit(origin)
            name, port = parts.hostname, parts.port or _PORTS[parts.scheme]
            own = urlsplit(f"//{host}")
            own_name, own_port = own.hostname, own.port or _PORTS[parts.scheme]
        except (ValueError, KeyError):
            return False
        if not name or f"{parts.scheme}://{parts.netloc}" != origin:
            return False
        if name not in _LOOPBACK and is_among(name, self._hosts):
            return True
        return (name, port) == (own_name, own_port)

    def hint(self, origin: str) -> str | None:
        """Return an error message that explains ``ALLOWED_HOSTS``, if the refused origin may be ours behind a proxy."""
        try:
            name = urlsplit(origin).hostname
        except ValueError:
            return None
        if not name or name in _LOOPBACK or not self._hosts:
            return None
        return (
            "This request was refused because it comes from a page of another site. If it is a page of this server, "
            "add its host name to ALLOWED_HOSTS."
        )


def is_among(name: str, hosts: Sequence[str]) -> bool:
    """Return whether a name is one of these hosts, or a subdomain of one with a leading dot."""
    return any(name == host or (host.startswith(".") and name.endswith(host)) for host in hosts)


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


#: Operations on the whole record, whose sessions only administrators may join.
_OF_THE_RECORD = ("backup", "restore", "clear")


class SocketGuard:
    """Checks the permissions of sockets, if there is a sign-in.

    A socket belongs to the user who connected it, with the role that they have in the database now: their login may have ended since, and
    the headers of a proxy are those of the connect.
    """

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._auth: Auth = app.extensions["auth"]

    def admit(self, socket: str, environ: dict[str, Any], payload: object) -> None:
        """Admit a socket by the cookie or header of its request, or by a ``token`` in its payload, as browsers cannot set headers.

        :param environ: the WSGI environment of the request.
        :raises SignInNeeded: nobody is signed in.
        :raises NotPermitted: the user's role is not sufficient.
        """
        token = payload.get("token") if isinstance(payload, dict) else None
        if isinstance(token, str):
            environ["HTTP_AUTHORIZATION"] = f"Bearer {token}"
        with self._app.request_context(environ):
            actor = actors.current()
        if actor is None:
            raise SignInNeeded
        require(actor, EVENTS.get("connect"))
        self._auth.sockets[socket] = actor

    def leave(self, socket: str) -> None:
        """Forget a socket that was closed."""
        self._auth.sockets.pop(socket, None)

    def check_join(self, socket: str, snapshot: dict[str, Any] | None) -> None:
        """Refuse to join a session that the user may not see; see :func:`check_session`.

        :param snapshot: of the session, if it exists already.
        :raises SignInNeeded: the login has ended.
        :raises NotPermitted: the user may not see it.
        """
        actor = self._auth.sockets.get(socket)
        with self._app.app_context():
            role = watch.current_roles([actor]).get(watch.key_of(actor)) if actor else None
        if actor is None or role is None:
            raise SignInNeeded
        actor = replace(actor, role=min(actor.role, role))
        require(actor, EVENTS.get(protocol.JOIN))
        check_session(actor, snapshot)


def check_session(actor: Actor | None, snapshot: dict[str, Any] | None) -> None:
    """Refuse a user who may not see a progress session: exports are private, and only administrators see operations on the whole record.

    :raises NotPermitted: the user may not see it.
    """
    if actor is None or snapshot is None:
        return
    metadata = snapshot.get("metadata", {})
    operation = metadata.get("operation")
    if operation in _OF_THE_RECORD and actor.role < Role.ADMIN:
        raise NotPermitted
    if operation == "export" and metadata.get("userId") != actor.user_id:
        raise NotPermitted
