"""Sign in with a password; list and end logins.

A login is a signed-in browser: a row, whose secret is in the browser's signed cookie. Every sign-in makes a new one, which prevents session
fixation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from hextrackr.db import transactions
from hextrackr.errors import HexTrackrError, NotFound, SignInLocked, SignInRefused
from hextrackr.extensions import db, socketio
from hextrackr.jobs.queue import now_ms

from . import audit, client_secrets, passwords, users
from .actors import Actor
from .lockout import Attempt
from .models import Login, Provider, User
from .permissions import Role

_HOUR = 3600 * 1000


@dataclass(frozen=True)
class Browser:
    """The browser that signs in."""

    address: str
    agent: str


def sign_in(name: str, password: str, browser: Browser, hours: int) -> str:
    """Check a password, and return the secret of the new login.

    :param hours: how long the login is valid.
    :raises SignInLocked: too many attempts failed; the message says how long to wait.
    :raises SignInRefused: the name or the password is wrong, or the user is disabled; the message does not say which.
    """
    attempt = Attempt(users.subject_of(name), browser.address)
    socketio.sleep(0)  # let other requests run between many simultaneous sign-ins
    with passwords.turn():  # includes the look at the counters, so that simultaneous attempts cannot bypass the lock
        refuse_while_locked(attempt)
        with Session(db.engine) as session:
            user = users.find(session, name)
        is_right = passwords.is_right(user.password if user else None, password)
        if not is_right or user is None or user.disabled or user.provider != Provider.LOCAL:
            raise refused(attempt, SignInRefused(), f"user {name}", name=name)
    found = user

    def write(session: Session) -> str:
        attempt.succeeded(session)
        return _insert(session, found, browser, hours)

    secret = transactions.write(db.engine, write, sleep=socketio.sleep)
    audit.record("sign-in", f"user {found.name}", actor=Actor(found.name, Role.of(found.role), "login", found.id))
    return secret


def refuse_while_locked(attempt: Attempt) -> None:
    """Refuse a locked sign-in.

    :raises SignInLocked: the message says how long to wait.
    """
    with Session(db.engine) as session:
        wait = attempt.must_wait(session, now_ms())
    if wait:
        raise SignInLocked(_wait(wait), wait / 1000)


def refused(
    attempt: Attempt, why: HexTrackrError, target: str = "", *, name: str = "", after: dict[str, Any] | None = None
) -> HexTrackrError:
    """Count and log a failed sign-in, and return the error to raise: ``why``, or :class:`SignInLocked` if it is locked now.

    :param name: the name that was entered.
    """
    wait = transactions.write(db.engine, lambda session: attempt.failed(session, now_ms()), sleep=socketio.sleep)
    audit.record("sign-in", target, outcome=why.code, name=name, after=after)
    if not wait:
        return why
    audit.record("lock", target or "address", after={"seconds": math.ceil(wait / 1000)}, name=name)
    return SignInLocked(_wait(wait), wait / 1000)


def begin(user: User, browser: Browser, hours: int) -> str:
    """Make a login for a user who has signed in with another provider, and return its secret."""
    secret = transactions.write(db.engine, lambda session: _insert(session, user, browser, hours), sleep=socketio.sleep)
    audit.record("sign-in", f"user {user.name}", actor=Actor(user.name, Role.of(user.role), "login", user.id))
    return secret


def _insert(session: Session, user: User, browser: Browser, hours: int) -> str:
    secret, now = client_secrets.make(), now_ms()
    session.execute(delete(Login).where(Login.expires_at <= now))
    session.add(
        Login(
            user_id=user.id, digest=client_secrets.digest(secret), address=browser.address[:64], agent=browser.agent[:255],
            created_at=now, seen_at=now, expires_at=now + hours * _HOUR,
        )
    )  # fmt: skip
    return secret


def actor_of(secret: str) -> Actor | None:
    """Return the user of the login with this secret; None if the login has ended."""
    wanted = (
        select(Login.id, User.id, User.name, User.role)
        .join(User, User.id == Login.user_id)
        .where(Login.digest == client_secrets.digest(secret), Login.expires_at > now_ms(), User.active)
        .where(User.provider == users.provider())
    )
    with Session(db.engine) as session:
        row = session.execute(wanted).first()
    if row is None:
        return None
    login_id, user_id, name, role = row
    return Actor(name, Role.of(role), "login", user_id=user_id, login_id=login_id)


def listed(user_id: int) -> list[dict[str, Any]]:
    """Return the logins of a user, newest first."""
    wanted = select(Login).where(Login.user_id == user_id, Login.expires_at > now_ms()).order_by(Login.id.desc())
    with Session(db.engine) as session:
        return [
            {"id": row.id, "address": row.address, "agent": row.agent, "createdAt": row.created_at, "seenAt": row.seen_at,
             "expiresAt": row.expires_at}
            for row in session.scalars(wanted)
        ]  # fmt: skip


def end(user_id: int, login_id: int) -> None:
    """End one login of a user.

    :raises NotFound: ``UNKNOWN_LOGIN``.
    """
    if not _delete(Login.user_id == user_id, Login.id == login_id):
        raise NotFound("There is no such login.", "UNKNOWN_LOGIN")
    audit.record("sign-out", f"login {login_id}")


def end_all(user_id: int) -> None:
    """End all logins of a user."""
    _delete(Login.user_id == user_id)
    audit.record("sign-out", "all logins")


def _delete(*conditions: Any) -> int:
    def write(session: Session) -> int:
        return int(session.execute(delete(Login).where(*conditions)).rowcount)  # type: ignore[attr-defined]

    return transactions.write(db.engine, write, sleep=socketio.sleep)


def _wait(milliseconds: int) -> str:
    seconds = math.ceil(milliseconds / 1000)
    length = f"{seconds} second{'s' if seconds > 1 else ''}" if seconds < 90 else f"{math.ceil(seconds / 60)} minutes"
    return f"Too many failed attempts; please wait {length} and try again."
