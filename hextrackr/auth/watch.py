"""The background task of authentication: save when logins and tokens were last used, and disconnect sockets whose login has ended."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from flask import Flask
from sqlalchemy import literal, or_, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from hextrackr.db import transactions
from hextrackr.errors import HexTrackrError
from hextrackr.extensions import db, socketio
from hextrackr.jobs.queue import now_ms

from . import Auth, passwords, users
from .actors import Actor
from .models import Login, Token, User
from .permissions import SCOPES, Role

log = logging.getLogger(__name__)

#: Seconds between two checks of the sockets, and between two saves of the last use.
CHECK_INTERVAL, SAVE_INTERVAL = 2.0, 30.0
#: Ids in one query.
_BATCH = 500


def start(app: Flask) -> None:
    """Start the background task; called after the server has forked."""
    if app.extensions["auth"].mode == "local":
        passwords.load()
    with app.app_context():
        _log_set_up_link(app.extensions["auth"], _host_name(app), app.config["PORT"])
    socketio.start_background_task(_run, app)


def _host_name(app: Flask) -> str:
    """Return a host name for the set-up link: the last of ALLOWED_HOSTS, where names for people usually follow those for programs."""
    names = [name for name in app.config["ALLOWED_HOSTS"] if not name.startswith(".")]
    host: str = names[-1] if names else app.config["HOST"]
    return "localhost" if host in ("0.0.0.0", "::") else host


def _log_set_up_link(auth: Auth, host: str, port: int) -> None:
    if auth.mode == "local" and users.is_empty():
        netloc = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        link = f"http://{netloc}/set-up?key={users.set_up_key()}"
        log.warning("There are no users yet. Create the first administrator with this link: %s", link)


def _run(app: Flask) -> None:
    saved = time.monotonic()
    while True:
        socketio.sleep(CHECK_INTERVAL)
        with app.app_context():
            try:
                disconnect_ended(app.extensions["auth"])
                if time.monotonic() - saved >= SAVE_INTERVAL:
                    saved = time.monotonic()
                    save_last_use(app.extensions["auth"])
            except (SQLAlchemyError, HexTrackrError) as error:
                log.warning("The logins could not be checked: %s", type(error).__name__)


def disconnect_ended(auth: Auth) -> None:
    """Disconnect sockets whose login or token has ended, whose user was disabled, or whose user has a lower role than when they connected.

    A client with a lower role connects again, and joins the sessions that it may still see.
    """
    roles = current_roles(list(auth.sockets.values()))
    for sid, actor in list(auth.sockets.items()):
        role = roles.get(key_of(actor))
        if role is None or role < actor.role:
            auth.sockets.pop(sid, None)
            socketio.server.disconnect(sid)


def key_of(actor: Actor) -> tuple[str, int | None]:
    """What an actor's right to be here rests on: a login, a token, or the user alone."""
    if actor.login_id is not None:
        return "login", actor.login_id
    if actor.token_id is not None:
        return "token", actor.token_id
    return "user", actor.user_id


def current_roles(connected: list[Actor]) -> dict[tuple[str, int | None], Role]:
    """Return the logins, tokens and users of these actors that are still valid, each with its current role."""
    found: dict[tuple[str, int | None], Role] = {}
    wanted: dict[str, set[int | None]] = {}
    for kind, number in map(key_of, connected):
        wanted.setdefault(kind, set()).add(number)
    now = now_ms()
    queries: dict[str, tuple[Any, Any]] = {
        "login": (Login.id, select(Login.id, User.role, literal("admin")).join(User).where(Login.expires_at > now)),
        "token": (
            Token.id,
            select(Token.id, User.role, Token.scope)
            .join(User)
            .where(or_(Token.expires_at.is_(None), Token.expires_at > now)),
        ),
        "user": (User.id, select(User.id, User.role, literal("admin"))),
    }
    for kind, numbers in wanted.items():
        column, query = queries[kind]
        for batch in _batches(numbers):
            with Session(db.engine) as session:
                for number, role, scope in session.execute(query.where(column.in_(batch), User.active)):
                    found[kind, number] = min(Role.of(role), SCOPES[scope])
    return found


def save_last_use(auth: Auth) -> None:
    """Save when logins and tokens were last used."""
    used, auth.seen = auth.seen, {"login": set(), "token": set()}
    if not any(used.values()):
        return
    now = now_ms()

    def write(session: Session) -> None:
        for batch in _batches(used["login"]):
            session.execute(update(Login).where(Login.id.in_(batch)).values(seen_at=now))
        for batch in _batches(used["token"]):
            session.execute(update(Token).where(Token.id.in_(batch)).values(used_at=now))

    transactions.write(db.engine, write, sleep=socketio.sleep)


def _batches(numbers: Iterable[Any]) -> Iterator[list[Any]]:
    remaining = iter(numbers)
    while batch := list(islice(remaining, _BATCH)):
        yield batch
