"""Tokens: what a program signs in with. Named, of one scope, shown once, stored as a digest; may do no more than its user."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import Session

from hextrackr.db import transactions
from hextrackr.errors import Conflict, NotFound, RequestError
from hextrackr.escaping import without_unshown
from hextrackr.extensions import db, socketio
from hextrackr.jobs.queue import now_ms

from . import audit, client_secrets, users
from .actors import Actor
from .models import Token, User
from .permissions import SCOPES, Role

#: What a token begins with, so that tools that look for leaked secrets know it.
PREFIX = "hextrackr_"
#: Tokens of one user; how many days one may hold.
MOST, LONGEST_DAYS = 50, 3650
_DAY = 24 * 3600 * 1000


def make(user_id: int, name: str, scope: str, days: int | None) -> dict[str, Any]:
    """Make a token; this answer alone has its text.

    :param days: how long it holds; None for ever.
    :raises RequestError: a name, a scope or a number of days that cannot be one, or a scope beyond the user's role.
    :raises Conflict: ``NAME_IN_USE``; ``TOO_MANY_TOKENS``.
    """
    name = " ".join(without_unshown(name).split())
    if not 0 < len(name) <= 100:
        raise RequestError("A token needs a name of at most 100 characters.")
    if scope not in SCOPES:
        raise RequestError(f"scope must be one of {', '.join(SCOPES)}.")
    if days is not None and not 1 <= days <= LONGEST_DAYS:
        raise RequestError(f"A token holds for 1 to {LONGEST_DAYS} days.")
    text = client_secrets.make(PREFIX)

    def write(session: Session) -> Token:
        user = session.get_one(User, user_id, with_for_update=True)
        if SCOPES[scope] > Role.of(user.role):
            raise RequestError(f"A token of a {user.role} cannot have the scope {scope}.")
        own = select(func.count()).select_from(Token).where(Token.user_id == user_id)
        if session.scalar(own.where(Token.name == name)):
            raise Conflict("There is a token of this name already.", "NAME_IN_USE")
        if (session.scalar(own) or 0) >= MOST:
            raise Conflict(f"A user may have {MOST} tokens; revoke one first.", "TOO_MANY_TOKENS")
        now = now_ms()
        token = Token(
            user_id=user_id, name=name, scope=scope, digest=client_secrets.digest(text), created_at=now,
            expires_at=None if days is None else now + days * _DAY,
        )  # fmt: skip
        session.add(token)
        session.flush()
        return token

    token = transactions.write(db.engine, write, sleep=socketio.sleep)
    audit.record("token-add", f"token {name}", after={"scope": scope, "expiresAt": token.expires_at})
    return {**_told(token), "token": text}


def revoke(user_id: int, token_id: int) -> None:
    """Let a token of a user hold no longer.

    :raises NotFound: ``UNKNOWN_TOKEN``.
    """

    def write(session: Session) -> str | None:
        mine = (Token.user_id == user_id, Token.id == token_id)
        name = session.scalar(select(Token.name).where(*mine))
        session.execute(delete(Token).where(*mine))
        return name

    name = transactions.write(db.engine, write, sleep=socketio.sleep)
    if name is None:
        raise NotFound("There is no such token.", "UNKNOWN_TOKEN")
    audit.record("token-revoke", f"token {name}")


def actor_of(text: str) -> Actor | None:
    """Whose token this is; None if it is none, or holds no longer."""
    wanted = (
        select(Token.id, Token.name, Token.scope, User.id, User.name, User.role)
        .join(User, User.id == Token.user_id)
        .where(Token.digest == client_secrets.digest(text), User.active, User.provider == users.provider())
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
    """The tokens of a user, by name."""
    with Session(db.engine) as session:
        return [
            _told(row) for row in session.scalars(select(Token).where(Token.user_id == user_id).order_by(Token.name))
        ]


def _told(token: Token) -> dict[str, Any]:
    return {
        "id": token.id,
        "name": token.name,
        "scope": token.scope,
        "createdAt": token.created_at,
        "usedAt": token.used_at,
        "expiresAt": token.expires_at,
    }
