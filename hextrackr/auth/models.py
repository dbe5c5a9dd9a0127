"""The tables of who may: users, their logins and tokens, how often a sign-in has failed, and the audit.

They belong to the server, not to the record: no backup holds them, and a restore leaves them as they are (``OF_THE_SERVER`` in
``jobs/backups/copying.py``). Instants are milliseconds since the epoch. Of what a client keeps as its secret only a digest stands here.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, ColumnElement, ForeignKey, Index, String, Text, UniqueConstraint, false
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column

from hextrackr.db.base import Base


class Provider(StrEnum):
    """Who vouches for a user: HexTrackr itself by a password, a proxy in front of it, or an OpenID provider."""

    LOCAL = "local"
    PROXY = "proxy"
    OIDC = "oidc"


class User(Base):
    """Somebody who may sign in. Users are disabled, never deleted: the audit names them."""

    __tablename__ = "users"
    __table_args__ = (UniqueConstraint("provider", "subject"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    provider: Mapped[str] = mapped_column(String(10))
    #: What the provider knows the user by, for good; of a local user the name in lower case.
    subject: Mapped[str] = mapped_column(String(255))
    name: Mapped[str] = mapped_column(String(100))
    role: Mapped[str] = mapped_column(String(10))
    #: The password as argon2id writes it; None where another provider vouches.
    password: Mapped[str | None] = mapped_column(Text)
    disabled: Mapped[bool] = mapped_column(default=False)
    #: Whether the groups that the provider named last give no role: logins, tokens and sockets stop working until it names others.
    without_role: Mapped[bool] = mapped_column(default=False, server_default=false())
    created_at: Mapped[int] = mapped_column(BigInteger)

    @hybrid_property
    def active(self) -> bool:
        """Whether the user may do anything at all."""
        return not self.disabled and not self.without_role

    @active.inplace.expression
    @classmethod
    def _active_in_sql(cls) -> ColumnElement[bool]:
        return ~cls.disabled & ~cls.without_role


class Login(Base):
    """A browser that is signed in: its cookie holds the secret."""

    __tablename__ = "logins"
    __table_args__ = (Index("ix_logins_user_id", "user_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    address: Mapped[str] = mapped_column(String(64))
    agent: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[int] = mapped_column(BigInteger)
    seen_at: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[int] = mapped_column(BigInteger)


class Token(Base):
    """What a program signs in with in place of a user, and may do at most."""

    __tablename__ = "tokens"
    __table_args__ = (Index("ix_tokens_user_id", "user_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(100))
    scope: Mapped[str] = mapped_column(String(10))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[int] = mapped_column(BigInteger)
    used_at: Mapped[int | None] = mapped_column(BigInteger)
    expires_at: Mapped[int | None] = mapped_column(BigInteger)


class FailedSignIn(Base):
    """How often signing in has failed for an account, from an address, or for an account from an address; see :mod:`.lockout`."""

    __tablename__ = "failed_sign_ins"
    __table_args__ = {"sqlite_with_rowid": False}

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    failures: Mapped[int]
    failed_at: Mapped[int] = mapped_column(BigInteger)
    locked_until: Mapped[int] = mapped_column(BigInteger)


class AuditEntry(Base):
    """Who did what, from where, and what it was before and after. Rows are added and never changed: the database refuses anything else."""

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_at", "at"), Index("ix_audit_action", "action", "id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[int] = mapped_column(BigInteger)
    #: The name of a user; with ``via`` ``command`` the account of the machine.
    actor: Mapped[str] = mapped_column(String(255))
    #: How the actor was known: ``login``, ``token``, ``proxy``, ``command``, or ``nobody`` who is not signed in.
    via: Mapped[str] = mapped_column(String(10))
    address: Mapped[str] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(40))
    #: What it was done to, such as ``import 12`` or ``user alice``.
    target: Mapped[str] = mapped_column(String(255))
    #: ``ok``, or the code of the error.
    outcome: Mapped[str] = mapped_column(String(40))
    before: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    after: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
