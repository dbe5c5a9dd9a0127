"""Who asks: a user by a login, a token or a proxy, an account of the machine, or anybody where there is no sign-in."""

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

#: What stands before a token in the header Authorization, however it is written.
BEARER = "bearer "


@dataclass(frozen=True)
class Actor:
    """Who asks, and what that one may do.

    :ivar name: as the audit and imports say it.
    :ivar via: ``login``, ``token``, ``proxy``, ``command``; ``nobody`` where there is no sign-in.
    """

    name: str
    role: Role
    via: str
    user_id: int | None = None
    login_id: int | None = None
    token_id: int | None = None

    def refusal(self, permission: Permission | None) -> str | None:
        """Why this actor may not do what needs this permission; None for what the actor may do. What needs none known nobody may do."""
        if permission is None:
            return NotPermitted.detail
        if permission.role is not None and self.role < permission.role:
            return f"This needs the role {permission.role.word}; yours is {self.role.word}."
        if permission.in_person and self.via == "token":
            return "A token does not do for this; please sign in."
        return None

    def may(self, endpoint: str) -> bool:
        """Whether this actor may use the route with this endpoint."""
        return self.refusal(ROUTES.get(endpoint)) is None


#: Whoever asks where there is no sign-in.
ANYBODY = Actor("", Role.ADMIN, "nobody")

#: Says who makes the current request; None if that one is not signed in.
Identify = Callable[[], Actor | None]


def current() -> Actor | None:
    """Who makes the current request, or has sent the current event; None if that one is not signed in."""
    identify: Identify | None = current_app.extensions["auth"].identify
    if identify is None:
        return ANYBODY
    if "actor" not in g:
        g.actor = identify()
    actor: Actor | None = g.actor
    return actor


def are_known() -> bool:
    """Whether there is a sign-in."""
    return bool(current_app.extensions["auth"].is_on)


def brings_token() -> bool:
    """Whether the current request says who it is by a token: its cookies do not count then."""
    return are_known() and request.headers.get("Authorization", "").lower().startswith(BEARER)


def name() -> str:
    """The name of who makes the current request; empty where there is no sign-in."""
    actor = current()
    return actor.name if actor else ""


def shown() -> Actor | None:
    """Who makes the current request, for a page: nobody while the database cannot tell, as a page about that is one as well."""
    try:
        return current()
    except (SQLAlchemyError, HexTrackrError):
        return None


def may(endpoint: str) -> bool:
    """Whether who makes the current request may use the route with this endpoint: what pages show goes by it."""
    actor = shown()
    return actor is not None and actor.may(endpoint)


def needs(endpoint: str) -> Markup:
    """The attribute with which a page hides a button or link that leads to a route which its reader may not use; empty for who may."""
    return Markup("") if may(endpoint) else Markup(' data-may="no"')


def of_command() -> Actor:
    """The account of the machine that runs a command."""
    account = "unknown"
    with suppress(OSError, KeyError):  # one that has no name
        account = getpass.getuser()
    return Actor(account, Role.ADMIN, "command")
