"""Users whom a proxy or an OpenID provider vouches for: who they are, and which role their groups give them."""

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
#: Stands for any group, and for none.
ANY = "*"


def user_of(provider: Provider, subject: str, name: str, groups: Iterable[str], roles: Mapping[str, str]) -> User:
    """Find the user whom a provider knows by this subject, or add one on the first visit.

    The highest role that one of the groups gives becomes the user's. An existing user whose groups give none any more is shut out
    until they do: logins, tokens and open sockets too.

    :param name: what the user is shown as.
    :param roles: role of each group, by setting; where there are none, a new user is a viewer, and administrators change roles.
    :raises NotPermitted: the user is disabled, no group gives a role, or the provider has not said who it is.
    """
    if not 0 < len(subject) <= _LONGEST_SUBJECT:  # what is cut could be another's
        raise NotPermitted("Whoever vouches for you has not said who you are.")
    given = [Role.of(roles[group]) for group in {*groups, ANY} if group in roles]
    if roles and not given:
        _shut_out(provider, subject)
        raise NotPermitted("None of your groups has a role here.")
    role = max(given, default=None)
    with Session(db.engine) as session:
        user = _found(session, provider, subject)
    if user is None or user.without_role or (role is not None and user.role != role.word):
        user = _brought_up_to_date(provider, subject, name, role)
    if user.disabled:
        raise NotPermitted("This user is disabled.")
    return user


def shown_name(name: str) -> str:
    """A name that users choose elsewhere, without what cannot be seen."""
    seen = "".join(character for character in name if character.isprintable() or character.isspace())
    return " ".join(seen.split())[: users.LONGEST_NAME]


def _found(session: Session, provider: Provider, subject: str) -> User | None:
    return session.scalars(select(User).where(User.provider == provider, User.subject == subject)).one_or_none()


def _brought_up_to_date(provider: Provider, subject: str, name: str, role: Role | None) -> User:
    def write(session: Session) -> tuple[User, dict[str, str | None] | None]:
        dialects.write_alone(session, User.__tablename__)
        user = _found(session, provider, subject)
        before = {"role": None if user.without_role else user.role} if user else None
        if user is None:
            user = User(
                provider=provider, subject=subject, name=name, role=(role or Role.VIEWER).word, disabled=False, created_at=now_ms()
            )  # fmt: skip
            session.add(user)
            _tell_apart(session, user)
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


def _shut_out(provider: Provider, subject: str) -> None:
    """Note that the groups of a user, if there is one, give no role any more."""

    def write(session: Session) -> User | None:
        dialects.write_alone(session, User.__tablename__)
        user = _found(session, provider, subject)
        if user is not None:
            user.without_role = True
        return user

    with Session(db.engine) as session:
        user = _found(session, provider, subject)
    if user is None or user.without_role:
        return
    user = transactions.write(db.engine, write, sleep=socketio.sleep)
    if user is not None:
        actor = Actor(user.name, Role.of(user.role), provider, user.id)
        audit.record("user-change", f"user {user.name}", before={"role": user.role}, after={"role": None}, actor=actor)


def _tell_apart(session: Session, user: User) -> None:
    """Add the number to a new user's name if another one has that name: pages, commands and the audit name users."""
    session.flush()
    others = select(User.id).where(User.provider == user.provider, User.id != user.id)
    if not user.name or session.scalar(others.where(func.lower(User.name) == func.lower(user.name)).limit(1)):
        number = f" ({user.id})"
        user.name = (user.name[: users.LONGEST_NAME - len(number)] + number).strip()
