"""Users, with their roles and passwords; changed by commands, on the page **Users** and by the set-up link."""

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
from hextrackr.escaping import remove_invisible
from hextrackr.extensions import db, socketio
from hextrackr.jobs.queue import now_ms

from . import audit, passwords
from .actors import Actor
from .models import Login, Provider, User
from .permissions import Role

LONGEST_NAME = 100
#: The file in the data folder, which all processes share, with the key of the set-up link; deleted once there is an administrator.
_SET_UP_FILE = "set_up_key"


def provider() -> Provider:
    """Return who authenticates the users of this server."""
    mode: str = current_app.extensions["auth"].mode
    return Provider.LOCAL if mode == "none" else Provider(mode)


def subject_of(name: str) -> str:
    """Return the normalised name by which a user is looked up.

    Local names are compared by Unicode compatibility form and without case. A proxy may have several users whose names look alike, so
    only the case of a to z is ignored in its names.
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
    """Return the user of this server's provider with this normalised name, else the one who is shown under this name."""
    own = select(User).where(User.provider == provider())
    return (
        session.scalars(own.where(User.subject == subject_of(name))).first()
        or session.scalars(own.where(User.name == name).order_by(User.id).limit(1)).first()
    )


def existing(session: Session, user_id: int) -> User:
    """Return the user with this id.

    :raises NotFound: ``UNKNOWN_USER``.
    """
    user = session.get(User, user_id)
    if user is None:
        raise NotFound("There is no user with this number.", "UNKNOWN_USER")
    return user


def number_of(name: str) -> int:
    """Return the id of the user with this name.

    :raises NotFound: ``UNKNOWN_USER``.
    """
    with Session(db.engine) as session:
        user = find(session, name)
    if user is None:
        raise NotFound(f"There is no user '{name}'.", "UNKNOWN_USER")
    return user.id


def listed() -> list[dict[str, Any]]:
    """Return all users, by name."""
    last = select(func.max(Login.seen_at)).where(Login.user_id == User.id).scalar_subquery()
    with Session(db.engine) as session:
        rows = session.execute(select(User, last).order_by(func.lower(User.name), User.id)).all()
    return [{**as_json(user), "seenAt": seen} for user, seen in rows]


def as_json(user: User) -> dict[str, Any]:
    """Return a user as the API sends it."""
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
    """Return a name as it is stored.

    :raises RequestError: it is empty, too long or not printable.
    """
    name = " ".join(unicodedata.normalize("NFKC", remove_invisible(name)).split())
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise RequestError(f"A user name must have 1 to {LONGEST_NAME} characters, all of them printable.")
    return name


def add(
    name: str, role: Role, password: str | None, *, actor: Actor | None = None, first: bool = False
) -> dict[str, Any]:
    """Add a user; a local one needs a password.

    :param first: add it only if there are no users yet.
    :raises RequestError: the name or the password is invalid.
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
        if first and not _is_empty(session):
            raise Conflict("There is already an administrator; please sign in.", "SET_UP_DONE")
        if find(session, name) is not None:
            raise Conflict("There is already a user with this name.", "NAME_IN_USE")
        user = User(
            provider=provider(), subject=subject_of(name), name=name, role=role.word, password=stored,
            disabled=False, created_at=now_ms(),
        )  # fmt: skip
        session.add(user)
        session.flush()
        return user

    user = transactions.write(db.engine, insert, sleep=socketio.sleep)
    audit.record("user-add", f"user {name}", after={"role": user.role}, actor=actor)
    return as_json(user)


def change(
    user_id: int,
    *,
    role: Role | None = None,
    disabled: bool | None = None,
    password: str | None = None,
    keep_login: int | None = None,
) -> dict[str, Any]:
    """Change a user. Disabling a user and setting a new password end the user's logins.

    :param keep_login: a login that does not end.
    :raises NotFound: ``UNKNOWN_USER``.
    :raises Conflict: ``LAST_ADMIN``: no administrator would be left.
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
            raise Conflict("This is the last administrator; make another user an administrator first.", "LAST_ADMIN")
        if user.disabled or stored is not None:
            session.execute(delete(Login).where(Login.user_id == user_id, Login.id != (keep_login or 0)))
        return user, before, _rights(user)

    user, before, after = transactions.write(db.engine, write, sleep=socketio.sleep)
    if stored is not None:
        audit.record("password", f"user {user.name}")
    if after != before:
        audit.record("user-change", f"user {user.name}", before=before, after=after)
    return as_json(user)


def _hashed_for(user_id: int, password: str) -> str:
    """Return the hash of a user's new password."""
    with Session(db.engine) as session:
        user = existing(session, user_id)
    if user.provider != Provider.LOCAL:
        raise Conflict("This user signs in with another provider and has no password here.", "NO_PASSWORD")
    passwords.check(password, user.name)
    with passwords.turn():
        return passwords.hashed(password)


def _rights(user: User) -> dict[str, Any]:
    return {"role": user.role, "disabled": user.disabled}


def _admins(session: Session, provider: str) -> int:
    """Return how many administrators of a provider can sign in."""
    admins = select(func.count()).select_from(User)
    return session.scalar(admins.where(User.provider == provider, User.role == Role.ADMIN.word, User.active)) or 0


# The first administrator


def is_empty() -> bool:
    """Return whether this server's provider has no users yet."""
    with Session(db.engine) as session:
        return _is_empty(session)


def _is_empty(session: Session) -> bool:
    return session.scalar(select(User.id).where(User.provider == provider()).limit(1)) is None


def set_up_key() -> str:
    """Return the key of the set-up link; the first call, of whichever process, makes it."""
    file = _set_up_file()
    if not file.exists():
        made = file.with_name(f"{file.name}.{os.getpid()}")
        made.touch(mode=0o600)
        made.write_text(passwords.make_secret(), encoding="ascii")
        with suppress(FileExistsError):
            file.hardlink_to(made)
        made.unlink()
    return file.read_text(encoding="ascii")


def is_set_up_key(key: str) -> bool:
    """Return whether this is the key of a set-up link that is still valid."""
    file = _set_up_file()
    if not key or not file.exists():
        return False
    return passwords.digest_of_secret(key) == passwords.digest_of_secret(file.read_text(encoding="ascii"))


def set_up(name: str, password: str) -> None:
    """Add the first administrator, which makes the set-up link invalid.

    :raises Conflict: ``SET_UP_DONE``; other errors as :func:`add`.
    """
    actor = Actor(checked_name(name), Role.ADMIN, "nobody")
    add(name, Role.ADMIN, password, actor=actor, first=True)
    _set_up_file().unlink(missing_ok=True)


def _set_up_file() -> Path:
    return Path(current_app.config["INSTANCE_PATH"], _SET_UP_FILE)
