"""What a server does beside its requests: writes down which logins and tokens were used, and cuts off sockets whose login has ended."""

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

#: Seconds between two looks at the sockets, and between two times that uses are written down.
LOOK, NOTE = 2.0, 30.0
#: Numbers in one question.
_AT_ONCE = 500


def start(app: Flask) -> None:
    """Begin, once the server has forked."""
    if app.extensions["auth"].mode == "local":
        passwords.load()
    with app.app_context():
        _tell_how_to_set_up(app.extensions["auth"], _name(app), app.config["PORT"])
    socketio.start_background_task(_keep_looking, app)


def _name(app: Flask) -> str:
    """A name under which the server can be asked: the last of ALLOWED_HOSTS, where people's names stand after those of programs."""
    names = [name for name in app.config["ALLOWED_HOSTS"] if not name.startswith(".")]
    host: str = names[-1] if names else app.config["HOST"]
    return "localhost" if host in ("0.0.0.0", "::") else host


def _tell_how_to_set_up(auth: Auth, host: str, port: int) -> None:
    if auth.mode == "local" and users.nobody_yet():
        place = f"[{host}]" if ":" in host else host
        link = f"http://{place}:{port}/set-up?key={users.set_up_key()}"
        log.warning("Nobody can sign in yet. This link makes the first administrator, once: %s", link)


def _keep_looking(app: Flask) -> None:
    noted = time.monotonic()
    while True:
        socketio.sleep(LOOK)
        with app.app_context():
            try:
                cut_off_ended(app.extensions["auth"])
                if time.monotonic() - noted >= NOTE:
                    noted = time.monotonic()
                    note_uses(app.extensions["auth"])
            except (SQLAlchemyError, HexTrackrError) as error:
                log.warning("Logins could not be looked at: %s", type(error).__name__)


def cut_off_ended(auth: Auth) -> None:
    """Disconnect the sockets of logins and tokens that have ended, of users who were disabled, and of users who may do less than when
    they connected: connecting anew they join what they may still watch.
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
    """The roles that the logins, tokens or users behind some sockets give now; those that have ended are missing."""
    found: dict[tuple[str, int | None], Role] = {}
    asked: dict[str, set[int | None]] = {}
    for kind, number in map(key_of, connected):
        asked.setdefault(kind, set()).add(number)
    now = now_ms()
    questions: dict[str, tuple[Any, Any]] = {
        "login": (Login.id, select(Login.id, User.role, literal("admin")).join(User).where(Login.expires_at > now)),
        "token": (
            Token.id,
            select(Token.id, User.role, Token.scope)
            .join(User)
            .where(or_(Token.expires_at.is_(None), Token.expires_at > now)),
        ),
        "user": (User.id, select(User.id, User.role, literal("admin"))),
    }
    for kind, numbers in asked.items():
        column, question = questions[kind]
        for some in _pieces(numbers):
            with Session(db.engine) as session:
                for number, role, scope in session.execute(question.where(column.in_(some), User.active)):
                    found[kind, number] = min(Role.of(role), SCOPES[scope])
    return found


def note_uses(auth: Auth) -> None:
    """Write down when logins and tokens were used last."""
    used, auth.seen = auth.seen, {"login": set(), "token": set()}
    if not any(used.values()):
        return
    now = now_ms()

    def write(session: Session) -> None:
        for some in _pieces(used["login"]):
            session.execute(update(Login).where(Login.id.in_(some)).values(seen_at=now))
        for some in _pieces(used["token"]):
            session.execute(update(Token).where(Token.id.in_(some)).values(used_at=now))

    transactions.write(db.engine, write, sleep=socketio.sleep)


def _pieces(numbers: Iterable[Any]) -> Iterator[list[Any]]:
    rest = iter(numbers)
    while some := list(islice(rest, _AT_ONCE)):
        yield some
