"""Identify who makes a request: by a token, by the cookie of a login, which Flask-Login handles, or by the headers of a proxy."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from flask import Flask, current_app, request, session
from flask.sessions import SecureCookieSessionInterface
from flask_login import AnonymousUserMixin, LoginManager, UserMixin, current_user, login_user

from . import Auth, actors, logins, tokens
from .actors import Actor, Identify
from .models import Provider

if TYPE_CHECKING:
    from hextrackr.config import Config


class _SignedIn(UserMixin):  # type: ignore[misc]
    """A user for Flask-Login; the id that it puts into the cookie is the secret of the login."""

    def __init__(self, secret: str, actor: Actor) -> None:
        self.id = secret
        self.actor = actor


class _SignedOut(AnonymousUserMixin):  # type: ignore[misc]
    actor = None


class _Cookies(SecureCookieSessionInterface):
    """Flask's signed cookie.

    With TLS it is sent over TLS only, and its name has a prefix that browsers accept from this host alone (RFC 6265bis, "The __Host-
    Prefix").
    """

    def get_cookie_name(self, app: Flask) -> str:
        name: str = app.config["SESSION_COOKIE_NAME"]
        return f"__Host-{name}" if request.is_secure else name

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure


def init_app(app: Flask, config: Config, auth: Auth) -> None:
    """Set up how the app identifies users."""
    if auth.mode == Provider.PROXY:
        from . import vouched

        auth.identify = partial(_identify, vouched.by_headers(config))
    else:
        _use_cookies(app, auth)
        if auth.mode == Provider.OIDC:
            from . import oidc

            oidc.init_app(app, config)
        auth.identify = partial(_identify, _of_cookie)


def _use_cookies(app: Flask, auth: Auth) -> None:
    manager = LoginManager()
    manager.anonymous_user = _SignedOut
    manager.session_protection = None  # a login is valid for as long as its row says
    manager.user_loader(_load)
    # Like LoginManager.init_app, but without its remember-me cookie, which adds "Vary: Cookie" to every response, static files included.
    app.login_manager = manager  # type: ignore[attr-defined]
    app.session_interface = _Cookies()
    app.config.update(
        SESSION_COOKIE_NAME="hextrackr_session",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=auth.hours * 3600,
    )


def _of_cookie() -> Actor | None:
    actor: Actor | None = current_user.actor
    return actor


def _identify(without_token: Identify) -> Actor | None:
    """Return who makes this request: the user of its token, if it has one."""
    if actors.has_token():
        actor = tokens.actor_of(request.headers["Authorization"][len(actors.BEARER) :].strip())
    else:
        actor = without_token()
    if actor is not None:
        seen = current_app.extensions["auth"].seen
        if actor.token_id is not None:
            seen["token"].add(actor.token_id)
        elif actor.login_id is not None:
            seen["login"].add(actor.login_id)
    return actor


def remember(secret: str) -> None:
    """Set the cookie of a new login, in place of any other."""
    session.clear()
    actor = logins.actor_of(secret)
    if actor is not None:
        session.permanent = True
        login_user(_SignedIn(secret, actor))


def forget() -> None:
    """Delete the cookie of a login."""
    session.clear()


def _load(secret: Any) -> _SignedIn | None:
    actor = logins.actor_of(str(secret))
    return _SignedIn(str(secret), actor) if actor else None
