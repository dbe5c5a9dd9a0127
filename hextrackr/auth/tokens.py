"""API tokens, which programs use in place of a login.

A token has a name and a scope, and never more rights than its user. It is shown once; only its digest is stored.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import Session

from hextrackr.db import transactions
from hextrackr.errors import Conflict, NotFound, RequestError
from hextrackr.escaping import remove_invisible
from hextrackr.extensions import db, socketio
from hextrackr.jobs.queue import now_ms

from . import audit, passwords, users
from .actors import Actor
from .models import Token, User
from .permissions import SCOPES, Role

#: The prefix of every token, by which tools that scan for leaked secrets recognise it.
PREFIX = "hextrackr_"
#: The maximum number of tokens of a user, and of days that a token is valid.
MOST, LONGEST_DAYS = 50, 3650
_DAY = 24 * 3600 * 1000


def make(user_id: int, name: str, scope: str, days: int | None) -> dict[str, Any]:
    """Make a token; only this response contains its text.

    :param days: how long it is valid; None if it does not expire.
    :raises RequestError: the name, scope or number of days is invalid, or the scope exceeds the user's role.
    :raises Conflict: ``NAME_IN_USE``; ``TOO_MANY_TOKENS``.
    """
    name = " ".join(remove_invisible(name).split())
    if not 0 < len(name) <= 100:
        raise RequestError("A token needs a name of at most 100 characters.")
    if scope not in SCOPES:
        raise RequestError(f"scope must be one of {', '.join(SCOPES)}.")
    if days is not None and not 1 <= days <= LONGEST_DAYS:
        raise RequestError(f"days must be between 1 and {LONGEST_DAYS}.")
    text = passwords.make_secret(PREFIX)

    def write(session: Session) -> Token:
        user = session.get_one(User, user_id, with_for_update=True)
        if SCOPES[scope] > Role.of(user.role):
            raise RequestError(f"Your role is {user.role}, so your tokens cannot have the scope {scope}.")
        own = select(func.count()).select_from(Token).where(Token.user_id == user_id)
        if session.scalar(own.where(Token.name == name)):
            raise Conflict("You already have a token with this name.", "NAME_IN_USE")
        if (session.scalar(own) or 0) >= MOST:
            raise Conflict(f"You have {MOST} tokens, the maximum; revoke one first.", "TOO_MANY_TOKENS")
        now = now_ms()
        token = Token(
            user_id=user_id, name=name, scope=scope, digest=passwords.digest_of_secret(text), created_at=now,
            expires_at=None if days is None else now + days * _DAY,
        )  # fmt: skip
        session.add(token)
        session.flush()
        return token

    token = transactions.write(db.engine, write, sleep=socketio.sleep)
    audit.record("token-add", f"token {name}", after={"scope": scope, "expiresAt": token.expires_at})
    return {**_as_json(token), "token": text}


def revoke(user_id: int, token_id: int) -> None:
    """Revoke a token of a user.

    :raises NotFound: ``UNKNOWN_TOKEN``.
    """

    def write(session: Session) -> str | None:
        wanted = (Token.user_id == user_id, Token.id == token_id)
        name = session.scalar(select(Token.name).where(*wanted))
        session.execute(delete(Token).where(*wanted))
        return name

    name = transactions.write(db.engine, write, sleep=socketio.sleep)
    if name is None:
        raise NotFound("There is no such token.", "UNKNOWN_TOKEN")
    audit.record("token-revoke", f"token {name}")


def actor_of(text: str) -> Actor | None:
    """Return the actor of a token; None if it does not exist or has expired."""
    wanted = (
        select(Token.id, Token.name, Token.scope, User.id, User.name, User.role)
        .join(User, User.id == Token.user_id)
        .where(Token.digest == passwords.digest_of_secret(text), User.active, User.provider == users.provider())
        .where(or_(Token.expires_at.is_(None), Token.expires_at > now_ms()))
    )
    with Session(db.engine) as session:
        row = session.execute(wanted).first()
    if row is None:
        return None
    token_id, token, scope, user_id, name, role = row
    least = min(SCOPES[scope], Role.of(role))
    return Actor(f"{name} ({token})", least, "token", user_id=user_id, token_id=token_id)


def listed(user_id: int) -> list[dict[str, Any]]:
    """Return the tokens of a user, by name."""
    wanted = select(Token).where(Token.user_id == user_id).order_by(Token.name)
    with Session(db.engine) as session:
        return [_as_json(row) for row in session.scalars(wanted)]


def _as_json(token: Token) -> dict[str, Any]:
    return {
        "id": token.id,
        "name": token.name,
        "scope": token.scope,
        "createdAt": token.created_at,
        "usedAt": token.used_at,
        "expiresAt": token.expires_at,
    }
