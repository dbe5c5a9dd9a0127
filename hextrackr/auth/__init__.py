"""Authentication and authorisation: users, roles, logins, tokens and the audit log.

``AUTH`` chooses how users sign in: ``none`` (no sign-in, anybody may do anything), ``local`` (with passwords), ``proxy`` (a proxy in front
of the server signs them in) or ``oidc`` (an OpenID provider does). :mod:`.permissions` lists which role each route needs; :mod:`.guard`
checks every request against it, and :mod:`.sockets` every socket. docs/access.md describes the design. Packages that only one mode needs
are imported only in that mode.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flask import Flask

from . import actors, models

if TYPE_CHECKING:
    from hextrackr.config import Config

    from .actors import Actor, Identify

__all__ = ["Auth", "init_app", "models", "start"]


@dataclass
class Auth:
    """The state of authentication in one app.

    :ivar identify: returns who makes the current request; None without a sign-in.
    :ivar sockets: the user of each connected socket, by socket id.
    :ivar seen: the ids of the logins and tokens that were used since their last use was last saved.
    """

    mode: str
    hours: int
    identify: Identify | None = None
    sockets: dict[str, Actor] = field(default_factory=dict)
    seen: dict[str, set[int]] = field(default_factory=lambda: {"login": set(), "token": set()})

    @property
    def is_on(self) -> bool:
        """Whether users have to sign in."""
        return self.mode != "none"


def init_app(app: Flask, config: Config) -> None:
    """Set up how users are identified; :func:`hextrackr.web.init_app` adds the check of each request."""
    auth = app.extensions["auth"] = Auth(config.AUTH, config.SESSION_HOURS)
    app.jinja_env.globals.update(
        actor=actors.shown, may=actors.may, needs=actors.needs, signs_in=auth.is_on, auth_mode=auth.mode
    )
    if auth.is_on:
        from . import identification

        identification.init_app(app, config, auth)


def start(app: Flask) -> None:
    """Start the background tasks for logins and sockets, and log the set-up link if there is no user yet."""
    auth: Auth = app.extensions["auth"]
    if auth.is_on:
        from . import audit, watch

        audit.set_up(app.config["LOG_FORMAT"])
        watch.start(app)
