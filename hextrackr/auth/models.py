"""The tables of authentication: users, logins, tokens, failed sign-ins and the audit log.

They belong to the server, not to the record: backups do not contain them, and a restore leaves them unchanged (``OF_THE_SERVER`` in
``jobs/backups/copying.py``). Times are milliseconds since the epoch. Secrets are stored as digests.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, ColumnElement, ForeignKey, Index, String, Text, UniqueConstraint, false
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column

from hextrackr.db import Base


class Provider(StrEnum):
    """Who authenticates a user: HexTrackr with a password, a proxy in front of it, or an OpenID provider."""

    LOCAL = "local"
    PROXY = "proxy"
    OIDC = "oidc"


class User(Base):
    """A user who may sign in. Users are disabled, never deleted, as the audit log refers to them."""

    __tablename__ = "users"
    __table_args__ = (UniqueConstraint("provider", "subject"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    provider: Mapped[str] = mapped_column(String(10))
    #: The provider's permanent id of the user; for local users the name in lower case.
    subject: Mapped[str] = mapped_column(String(255))
    name: Mapped[str] = mapped_column(String(100))
    role: Mapped[str] = mapped_column(String(10))
    #: The argon2id hash of the password; None unless the provider is ``local``.
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
    """A signed-in browser, whose cookie has the secret."""

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
    """An API token: a program uses it in place of a login, limited to its scope."""

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
    """A counter of failed sign-ins for an account, an address, or both; see :mod:`.logins`."""

    __tablename__ = "failed_sign_ins"
    __table_args__ = {"sqlite_with_rowid": False}

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    failures: Mapped[int]
    failed_at: Mapped[int] = mapped_column(BigInteger)
    locked_until: Mapped[int] = mapped_column(BigInteger)


class AuditEntry(Base):
    """An entry of the audit log. Rows are only added: the database refuses to change or delete them."""

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_at", "at"), Index("ix_audit_action", "action", "id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[int] = mapped_column(BigInteger)
    #: The name of the user; for commands the operating system account.
    actor: Mapped[str] = mapped_column(String(255))
    #: How the actor was identified: ``login``, ``token``, ``proxy``, ``command``, or ``nobody`` if they are not signed in.
    via: Mapped[str] = mapped_column(String(10))
    address: Mapped[str] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(40))
    #: The object of the action, such as ``import 12`` or ``user alice``.
    target: Mapped[str] = mapped_column(String(255))
    #: ``ok``, or an error code.
    outcome: Mapped[str] = mapped_column(String(40))
    before: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    after: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
