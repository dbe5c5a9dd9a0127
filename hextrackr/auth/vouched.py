"""Users who are authenticated by a proxy or an OpenID provider: find or create them, and map their groups to roles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hextrackr.db import dialects, transactions
from hextrackr.errors import NotPermitted
from hextrackr.extensions import db, socketio
from hextrackr.jobs.queue import now_ms

from . import audit, users
from .actors import Actor
from .models import Provider, User
from .permissions import Role

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
    if roles and not granted:
        _lock_out(provider, subject)
        raise NotPermitted("None of your groups has access to HexTrackr.")
    role = max(granted, default=None)
    with Session(db.engine) as session:
        user = _find(session, provider, subject)
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


def _lock_out(provider: Provider, subject: str) -> None:
    """Record that none of the groups of a user, if there is one, has a role any more."""

    def write(session: Session) -> User | None:
        dialects.write_alone(session, User.__tablename__)
        user = _find(session, provider, subject)
        if user is not None:
            user.without_role = True
        return user

    with Session(db.engine) as session:
        user = _find(session, provider, subject)
    if user is None or user.without_role:
        return
    user = transactions.write(db.engine, write, sleep=socketio.sleep)
    if user is not None:
        actor = Actor(user.name, Role.of(user.role), provider, user.id)
        audit.record("user-change", f"user {user.name}", before={"role": user.role}, after={"role": None}, actor=actor)


def _make_name_unique(session: Session, user: User) -> None:
    """Append the id to a new user's name if another user has the same name, as pages, commands and the audit log show names."""
    session.flush()
    others = select(User.id).where(User.provider == user.provider, User.id != user.id)
    if not user.name or session.scalar(others.where(func.lower(User.name) == func.lower(user.name)).limit(1)):
        number = f" ({user.id})"
        user.name = (user.name[: users.LONGEST_NAME - len(number)] + number).strip()
