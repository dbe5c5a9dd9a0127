"""The users: who they are, their roles and their passwords; changed by commands, by an administrator's page and by the set-up link."""

from __future__ import annotations

import os
import unicodedata
from contextlib import suppress
from pathlib import Path
from typing import Any

from flask import current_app
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from hextrackr.db import dialects, transactions
from hextrackr.errors import Conflict, NotFound, RequestError
from hextrackr.escaping import without_unshown
from hextrackr.extensions import db, socketio
from hextrackr.jobs.queue import now_ms

from . import audit, client_secrets, passwords
from .actors import Actor
from .models import Login, Provider, User
from .permissions import Role

LONGEST_NAME = 100
#: Where the key of the set-up link stands in the data folder, which all processes share, until the first administrator is there.
_SET_UP_FILE = "set_up_key"


def provider() -> Provider:
    """Who vouches for users of this server."""
    mode: str = current_app.extensions["auth"].mode
    return Provider.LOCAL if mode == "none" else Provider(mode)


def subject_of(name: str) -> str:
    """What a user is known by who has a name alone: of a local one that name, however it is written.

    A proxy may tell names apart that only look alike, so of one of its users nothing but the case of a to z does not count.
    """
    if provider() is Provider.PROXY:
        return (
            unicodedata.normalize("NFC", name)
            .strip()
            .encode("utf-8", "surrogatepass")
            .lower()
            .decode("utf-8", "replace")
        )
    return unicodedata.normalize("NFKC", name).strip().casefold()


def find(session: Session, name: str) -> User | None:
    """The user of this server's provider with this name, or else what the provider calls it."""
    own = select(User).where(User.provider == provider())
    return (
        session.scalars(own.where(User.subject == subject_of(name))).first()
        or session.scalars(own.where(User.name == name).order_by(User.id).limit(1)).first()
    )


def existing(session: Session, user_id: int) -> User:
    """The user with this number.

    :raises NotFound: ``UNKNOWN_USER``.
    """
    user = session.get(User, user_id)
    if user is None:
        raise NotFound("There is no user with this number.", "UNKNOWN_USER")
    return user


def number_of(name: str) -> int:
    """The number of the user with this name.

    :raises NotFound: ``UNKNOWN_USER``.
    """
    with Session(db.engine) as session:
        user = find(session, name)
    if user is None:
        raise NotFound(f"There is no user {name}.", "UNKNOWN_USER")
    return user.id


def listed() -> list[dict[str, Any]]:
    """All users, by name."""
    last = select(func.max(Login.seen_at)).where(Login.user_id == User.id).scalar_subquery()
    with Session(db.engine) as session:
        rows = session.execute(select(User, last).order_by(func.lower(User.name), User.id)).all()
    return [{**told(user), "seenAt": seen} for user, seen in rows]


def told(user: User) -> dict[str, Any]:
    """A user, as the API has it."""
    return {
        "id": user.id,
        "name": user.name,
        "provider": user.provider,
        "role": user.role,
        "disabled": user.disabled,
        "withoutRole": user.without_role,
        "createdAt": user.created_at,
    }


def checked_name(name: str) -> str:
    """A name as it is stored.

    :raises RequestError: it cannot be one.
    """
    name = " ".join(unicodedata.normalize("NFKC", without_unshown(name)).split())
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise RequestError(f"A user needs a name of at most {LONGEST_NAME} characters, all of which can be seen.")
    return name


def add(
    name: str, role: Role, password: str | None, *, actor: Actor | None = None, first: bool = False
) -> dict[str, Any]:
    """Add a user; a local one needs a password.

    :param first: only if there is nobody yet.
    :raises RequestError: the name or the password cannot be one.
    :raises Conflict: ``NAME_IN_USE``; ``SET_UP_DONE``.
    """
    name = checked_name(name)
    stored = None
    if provider() is Provider.LOCAL:
        passwords.check(password or "", name)
        with passwords.turn():
            stored = passwords.hashed(password or "")

    def insert(session: Session) -> User:
        dialects.write_alone(session, User.__tablename__)
        if first and not _nobody_yet(session):
            raise Conflict("There is an administrator already; please sign in.", "SET_UP_DONE")
        if find(session, name) is not None:
            raise Conflict("There is a user of this name already.", "NAME_IN_USE")
        user = User(
            provider=provider(), subject=subject_of(name), name=name, role=role.word, password=stored,
            disabled=False, created_at=now_ms(),
        )  # fmt: skip
        session.add(user)
        session.flush()
        return user

    user = transactions.write(db.engine, insert, sleep=socketio.sleep)
    audit.record("user-add", f"user {name}", after={"role": user.role}, actor=actor)
    return told(user)


def change(
    user_id: int,
    *,
    role: Role | None = None,
    disabled: bool | None = None,
    password: str | None = None,
    but_login: int | None = None,
) -> dict[str, Any]:
    """Change a user. A new password, and being disabled, end the user's logins.

    :param but_login: the login that goes on.
    :raises NotFound: ``UNKNOWN_USER``.
    :raises Conflict: ``LAST_ADMIN``: nobody could change anything any more.
    """
    stored = None if password is None else _hashed_for(user_id, password)

    def write(session: Session) -> tuple[User, dict[str, Any], dict[str, Any]]:
        dialects.write_alone(session, User.__tablename__)
        user = existing(session, user_id)
        before = _rights(user)
        user.role = user.role if role is None else role.word
        user.disabled = user.disabled if disabled is None else disabled
        user.password = user.password if stored is None else stored
        session.flush()
        if before["role"] == Role.ADMIN.word and _rights(user) != before and not _admins(session, user.provider):
            raise Conflict("This is the last administrator who can sign in; make another user one first.", "LAST_ADMIN")
        if user.disabled or stored is not None:
            session.execute(delete(Login).where(Login.user_id == user_id, Login.id != (but_login or 0)))
        return user, before, _rights(user)

    user, before, after = transactions.write(db.engine, write, sleep=socketio.sleep)
    if stored is not None:
        audit.record("password", f"user {user.name}")
    if after != before:
        audit.record("user-change", f"user {user.name}", before=before, after=after)
    return told(user)


def _hashed_for(user_id: int, password: str) -> str:
    """A new password of a user, as it is stored."""
    with Session(db.engine) as session:
        user = existing(session, user_id)
    if user.provider != Provider.LOCAL:
        raise Conflict("This user signs in elsewhere and has no password here.", "NO_PASSWORD")
    passwords.check(password, user.name)
    with passwords.turn():
        return passwords.hashed(password)


def _rights(user: User) -> dict[str, Any]:
    return {"role": user.role, "disabled": user.disabled}


def _admins(session: Session, vouched_by: str) -> int:
    able = select(func.count()).select_from(User)
    return session.scalar(able.where(User.provider == vouched_by, User.role == Role.ADMIN.word, User.active)) or 0


# The first administrator


def nobody_yet() -> bool:
    """Whether there is no user of this server's provider."""
    with Session(db.engine) as session:
        return _nobody_yet(session)


def _nobody_yet(session: Session) -> bool:
    return session.scalar(select(User.id).where(User.provider == provider()).limit(1)) is None


def set_up_key() -> str:
    """The key of the set-up link: made on the first call, by whichever process is first."""
    file = _set_up_file()
    if not file.exists():
        made = file.with_name(f"{file.name}.{os.getpid()}")
        made.touch(mode=0o600)
        made.write_text(client_secrets.make(), encoding="ascii")
        with suppress(FileExistsError):
            file.hardlink_to(made)
        made.unlink()
    return file.read_text(encoding="ascii")


def is_set_up_key(key: str) -> bool:
    """Whether this is the key of a link that still holds."""
    file = _set_up_file()
    if not key or not file.exists():
        return False
    return client_secrets.digest(key) == client_secrets.digest(file.read_text(encoding="ascii"))


def set_up(name: str, password: str) -> None:
    """Add the first administrator; the link holds no longer.

    :raises Conflict: ``SET_UP_DONE``; further errors as :func:`add`.
    """
    actor = Actor(checked_name(name), Role.ADMIN, "nobody")
    add(name, Role.ADMIN, password, actor=actor, first=True)
    _set_up_file().unlink(missing_ok=True)


def _set_up_file() -> Path:
    return Path(current_app.config["INSTANCE_PATH"], _SET_UP_FILE)
