"""Actors: who makes a request or runs a command, and what they may do.

An actor is a user who is identified by a login, a token or a proxy; the operating system account that runs a command; or, without a
sign-in, anybody.
"""

from __future__ import annotations

import getpass
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from flask import current_app, g, request
from markupsafe import Markup
from sqlalchemy.exc import SQLAlchemyError

from hextrackr.errors import HexTrackrError, NotPermitted

from .permissions import ROUTES, Permission, Role

#: The scheme before a token in the header Authorization; upper and lower case are the same.
BEARER = "bearer "


@dataclass(frozen=True)
class Actor:
    """Who makes a request, and their role.

    :ivar name: the name in the audit log and in imports.
    :ivar via: how they were identified: ``login``, ``token``, ``proxy`` or ``command``; ``nobody`` without a sign-in.
    """

    name: str
    role: Role
    via: str
    user_id: int | None = None
    login_id: int | None = None
    token_id: int | None = None

    def refusal(self, permission: Permission | None) -> str | None:
        """Return why this actor does not have a permission, or None if they do.

        :param permission: None for a route or an event that is not listed, which nobody may use.
        """
        if permission is None:
            return NotPermitted.detail
        if permission.role is not None and self.role < permission.role:
            return f"This needs the role {permission.role.word}; yours is {self.role.word}."
        if permission.in_person and self.via == "token":
            return "This cannot be done with a token; please sign in."
        return None

    def may(self, endpoint: str) -> bool:
        """Return whether this actor may use the route with this endpoint."""
        return self.refusal(ROUTES.get(endpoint)) is None


#: The actor of every request without a sign-in.
ANYBODY = Actor("", Role.ADMIN, "nobody")

#: Returns who makes the current request; None if they are not signed in.
Identify = Callable[[], Actor | None]


def current() -> Actor | None:
    """Return who makes the current request or sent the current event; None if they are not signed in."""
    identify: Identify | None = current_app.extensions["auth"].identify
    if identify is None:
        return ANYBODY
    if "actor" not in g:
        g.actor = identify()
    actor: Actor | None = g.actor
    return actor


def has_sign_in() -> bool:
    """Return whether users have to sign in to this server."""
    return bool(current_app.extensions["auth"].is_on)


def has_token() -> bool:
    """Return whether the current request authenticates with a token; its cookies are ignored then."""
    return has_sign_in() and request.headers.get("Authorization", "").lower().startswith(BEARER)


def name() -> str:
    """Return the name of who makes the current request; empty without a sign-in."""
    actor = current()
    return actor.name if actor else ""


def shown() -> Actor | None:
    """Return who makes the current request, for a page; None if the database fails, as the page about that error is rendered with it."""
    try:
        return current()
    except (SQLAlchemyError, HexTrackrError):
        return None


def may(endpoint: str) -> bool:
    """Return whether the current user may use the route with this endpoint; pages show only what their reader may use."""
    actor = shown()
    return actor is not None and actor.may(endpoint)


def needs(endpoint: str) -> Markup:
    """Return the HTML attribute that hides a button or link to a route which the reader of the page may not use; empty if they may."""
    return Markup("") if may(endpoint) else Markup(' data-may="no"')


def of_command() -> Actor:
    """Return the actor of a command: the operating system account that runs it."""
    account = "unknown"
    with suppress(OSError, KeyError):  # the account has no name
        account = getpass.getuser()
    return Actor(account, Role.ADMIN, "command")
