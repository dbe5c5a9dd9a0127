"""Users whom somebody else vouches for, a proxy or an OpenID provider: who they are, and which role their groups give them.

With AUTH=proxy a proxy in front signs users in, and says in headers who asks and of which groups. Whoever can reach the server past the
proxy could say so as well: the headers count only in requests that come straight from one of ``AUTH_PROXY_ADDRESSES``.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

from flask import request
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from hextrackr.db import dialects, transactions
from hextrackr.errors import NotPermitted, RequestError
from hextrackr.extensions import db, socketio
from hextrackr.jobs.queue import now_ms

from . import audit, users
from .actors import Actor, Identify
from .models import Provider, User
from .permissions import Role

if TYPE_CHECKING:
    from hextrackr.config import Config

_LONGEST_SUBJECT = 255
#: The entry of ``AUTH_GROUP_ROLES`` for everybody, whatever their groups.
ANY = "*"


def user_of(provider: Provider, subject: str, name: str, groups: Iterable[str], roles: Mapping[str, str]) -> User:
    """Return the user with this subject; create it on the first visit.

    The user gets the highest role of the groups. If none of an existing user's groups has a role any more, the user is locked out, with all
    logins, tokens and open sockets, until one has.

    :param subject: the provider's id of the user.
    :param name: the name to show.
    :param roles: group -> role, the setting ``AUTH_GROUP_ROLES``; if empty, a new user is a viewer, and administrators change roles.
    :raises NotPermitted: the user is disabled, no group has a role, or the subject is empty or too long.
    """
    if not 0 < len(subject) <= _LONGEST_SUBJECT:  # never cut: the beginning may be the subject of another user
        raise NotPermitted("The sign-in provider sent no valid user id.")
    granted = [Role.of(roles[group]) for group in {*groups, ANY} if group in roles]
    role = max(granted, default=None)
    with Session(db.engine) as session:
        user = _find(session, provider, subject)
    if roles and role is None:
        if user is not None and not user.without_role:
            _lock_out(user)
        raise NotPermitted("None of your groups has access to HexTrackr.")
    if user is None or user.without_role or (role is not None and user.role != role.word):
        user = _create_or_update(provider, subject, name, role)
    if user.disabled:
        raise NotPermitted("This user is disabled.")
    return user


def printable_name(name: str) -> str:
    """Return a name from a provider without characters that are not printable."""
    printable = "".join(character for character in name if character.isprintable() or character.isspace())
    return " ".join(printable.split())[: users.LONGEST_NAME]


def _find(session: Session, provider: Provider, subject: str) -> User | None:
    return session.scalars(select(User).where(User.provider == provider, User.subject == subject)).one_or_none()


def _create_or_update(provider: Provider, subject: str, name: str, role: Role | None) -> User:
    def write(session: Session) -> tuple[User, dict[str, str | None] | None]:
        dialects.write_alone(session, User.__tablename__)
        user = _find(session, provider, subject)
        before = {"role": None if user.without_role else user.role} if user else None
        if user is None:
            user = User(
                provider=provider, subject=subject, name=name, role=(role or Role.VIEWER).word, disabled=False, created_at=now_ms()
            )  # fmt: skip
            session.add(user)
            _make_name_unique(session, user)
        elif role is not None:
            user.role = role.word
        user.without_role = False
        session.flush()
        return user, before

    user, before = transactions.write(db.engine, write, sleep=socketio.sleep)
    actor = Actor(user.name, Role.of(user.role), provider, user.id)
    if before is None:
        audit.record("user-add", f"user {user.name}", after={"role": user.role}, actor=actor)
    elif before["role"] != user.role:
        audit.record("user-change", f"user {user.name}", before=before, after={"role": user.role}, actor=actor)
    return user


def _lock_out(user: User) -> None:
    """Record that none of the groups of a user has a role any more."""

    def write(session: Session) -> None:
        session.execute(update(User).where(User.id == user.id).values(without_role=True))

    transactions.write(db.engine, write, sleep=socketio.sleep)
    actor = Actor(user.name, Role.of(user.role), user.provider, user.id)
    audit.record("user-change", f"user {user.name}", before={"role": user.role}, after={"role": None}, actor=actor)


def _make_name_unique(session: Session, user: User) -> None:
    """Append the id to a new user's name if another user has the same name, as pages, commands and the audit log show names."""
    session.flush()
    others = select(User.id).where(User.provider == user.provider, User.id != user.id)
    if not user.name or session.scalar(others.where(func.lower(User.name) == func.lower(user.name)).limit(1)):
        number = f" ({user.id})"
        user.name = (user.name[: users.LONGEST_NAME - len(number)] + number).strip()


Networks = list[IPv4Network | IPv6Network]


def by_headers(config: Config) -> Identify:
    """Return a function that identifies who makes a request by the headers of the proxy."""
    trusted: Networks = [ip_network(address) for address in config.AUTH_PROXY_ADDRESSES]
    #: User id -> when their sign-in was last logged (monotonic, s).
    logged: dict[int, float] = {}

    def identify() -> Actor | None:
        name = _text(config.AUTH_PROXY_USER_HEADER).strip()
        if not name or not _is_trusted(trusted):
            return None
        groups = [group.strip() for group in _text(config.AUTH_PROXY_GROUPS_HEADER).replace(";", ",").split(",")]
        user = user_of(Provider.PROXY, users.subject_of(name), _checked(name), groups, config.group_roles)
        actor = Actor(user.name, Role.of(user.role), "proxy", user_id=user.id)
        now = time.monotonic()
        if now - logged.get(user.id, -1e9) > config.SESSION_HOURS * 3600:
            logged[user.id] = now
            audit.record("sign-in", f"user {user.name}", actor=actor)
        return actor

    return identify


def _text(header: str) -> str:
    """Return a header as text; WSGI decodes its bytes as Latin-1."""
    value = request.headers.get(header, "")
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value


def _checked(name: str) -> str:
    """Return a name, if it is short and printable.

    :raises RequestError: it is not.
    """
    if len(name) > users.LONGEST_NAME or not name.isprintable():
        raise RequestError(f"A user name must have at most {users.LONGEST_NAME} characters, all of them printable.")
    return name


def peer() -> str:
    """Return the address at the other end of the connection, whatever ``X-Forwarded-For`` says."""
    original = request.environ.get("werkzeug.proxy_fix.orig", request.environ)
    return str(original.get("REMOTE_ADDR") or "")


def _is_trusted(trusted: Networks) -> bool:
    try:
        address = ip_address(peer())
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in network for network in trusted)
