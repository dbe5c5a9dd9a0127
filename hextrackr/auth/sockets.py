"""Who may connect a socket, and which session it may watch; a socket whose login has ended is cut off (see :mod:`.watch`)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Flask

from hextrackr.errors import NotPermitted, SignInNeeded
from hextrackr.progress import protocol

from . import Auth, actors, guard, watch
from .actors import Actor
from .permissions import EVENTS, Role

#: Sessions of operations on the whole record.
_OF_THE_RECORD = ("backup", "restore", "clear")


class SocketGuard:
    """Holds sockets against the table of permissions, where there is a sign-in.

    A socket belongs to whoever connected it, in the role that the database gives that user now: the login may have ended since,
    and the headers of a proxy are those of the connect.
    """

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._auth: Auth = app.extensions["auth"]

    def admit(self, socket: str, environ: dict[str, Any], said: object) -> None:
        """Let a socket connect: by the cookie or header of its request, or the ``token`` that it says: browsers can set no header.

        :param environ: of the request.
        :raises SignInNeeded: nobody has signed in.
        :raises NotPermitted: whoever is may not.
        """
        token = said.get("token") if isinstance(said, dict) else None
        if isinstance(token, str):
            environ["HTTP_AUTHORIZATION"] = f"Bearer {token}"
        with self._app.request_context(environ):
            actor = actors.current()
        if actor is None:
            raise SignInNeeded
        guard.refuse(actor, EVENTS.get("connect"))
        self._auth.sockets[socket] = actor

    def leave(self, socket: str) -> None:
        """Forget a socket that is gone."""
        self._auth.sockets.pop(socket, None)

    def check_join(self, socket: str, snapshot: dict[str, Any] | None) -> None:
        """Refuse to tell of a progress session that is somebody else's, or of the whole record.

        :param snapshot: of the session, if it has begun.
        :raises SignInNeeded: nobody is signed in any more.
        :raises NotPermitted: whoever is may not.
        """
        actor = self._auth.sockets.get(socket)
        with self._app.app_context():
            role = watch.current_roles([actor]).get(watch.key_of(actor)) if actor else None
        if actor is None or role is None:
            raise SignInNeeded
        actor = replace(actor, role=min(actor.role, role))
        guard.refuse(actor, EVENTS.get(protocol.JOIN))
        check_session(actor, snapshot)


def check_session(actor: Actor | None, snapshot: dict[str, Any] | None) -> None:
    """Refuse to tell of a progress session that is somebody else's, or of the whole record.

    :raises NotPermitted: it is.
    """
    if actor is None or snapshot is None:
        return
    metadata = snapshot.get("metadata", {})
    operation = metadata.get("operation")
    if operation in _OF_THE_RECORD and actor.role < Role.ADMIN:
        raise NotPermitted
    if operation == "export" and metadata.get("userId") != actor.user_id:
        raise NotPermitted
