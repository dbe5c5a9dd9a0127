"""Who may: users, roles, signing in, tokens and the audit; between the web and what it does.

``AUTH`` chooses how somebody is known: ``none`` (anybody may do anything, which is for one's own machine) ``local``
(users with passwords) ``proxy`` (a proxy in front says who asks) or ``oidc`` (an OpenID provider).
:mod:`.permissions` is the one table of who may do what; :mod:`.guard` holds every request against it, and :mod:`.sockets` every
socket. docs/access.md has the design. What a mode needs of other packages is loaded only where it is chosen.
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
    """How one app knows who asks.

    :ivar identify: says who makes the current request; None where nobody is asked.
    :ivar sockets: who has connected which socket.
    :ivar seen: the logins and tokens that were used since that was last written down, by ``login`` and ``token``.
    """

    mode: str
    hours: int
    identify: Identify | None = None
    sockets: dict[str, Actor] = field(default_factory=dict)
    seen: dict[str, set[int]] = field(default_factory=lambda: {"login": set(), "token": set()})

    @property
    def is_on(self) -> bool:
        """Whether there is a sign-in."""
        return self.mode != "none"


def init_app(app: Flask, config: Config) -> None:
    """Set up how somebody is known; :func:`hextrackr.web.init_app` puts the guard before the routes."""
    auth = app.extensions["auth"] = Auth(config.AUTH, config.SESSION_HOURS)
    app.jinja_env.globals.update(
        actor=actors.shown, may=actors.may, needs=actors.needs, signs_in=auth.is_on, auth_mode=auth.mode
    )
    if auth.is_on:
        from . import identification

        identification.init_app(app, config, auth)


def start(app: Flask) -> None:
    """Begin to look after logins and sockets, and say how to set the server up if nobody can sign in yet."""
    auth: Auth = app.extensions["auth"]
    if auth.is_on:
        from . import audit, watch

        audit.set_up(app.config["LOG_FORMAT"])
        watch.start(app)
