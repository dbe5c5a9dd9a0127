"""Check who may connect a socket, and which sessions it may join; :mod:`.watch` disconnects sockets whose login has ended."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Flask

from hextrackr.errors import NotPermitted, SignInNeeded
from hextrackr.progress import protocol

from . import Auth, actors, guard, watch
from .actors import Actor
from .permissions import EVENTS, Role

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
        guard.require(actor, EVENTS.get("connect"))
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
        guard.require(actor, EVENTS.get(protocol.JOIN))
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
