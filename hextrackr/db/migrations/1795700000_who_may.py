"""Who may: users, logins, tokens, failed sign-ins, an audit that is only added to, and who has started an import.

Revision: 1795700000, after: 1795680000
Created: 2026-11-30 04:20:00.000000
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "1795700000"
down_revision = "1795680000"
branch_labels = ()
depends_on = None

_SQLITE_APPEND_ONLY = """
    CREATE TRIGGER audit_{action} BEFORE {action} ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit is only added to'); END
"""
_POSTGRESQL_APPEND_ONLY = (
    """
    CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the audit is only added to'; END $$
    """,
    """
    CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()
    """,
)


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("provider", _text(10), nullable=False),
        sa.Column("subject", _text(255), nullable=False),
        sa.Column("name", _text(100), nullable=False),
        sa.Column("role", _text(10), nullable=False),
        sa.Column("password", _text(), nullable=True),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("provider", "subject", name=op.f("uq_users_provider_subject")),
    )
    op.create_table(
        "logins",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("digest", _text(64), nullable=False),
        sa.Column("address", _text(64), nullable=False),
        sa.Column("agent", _text(255), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_logins")),
        sa.UniqueConstraint("digest", name=op.f("uq_logins_digest")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_logins_user_id_users"), ondelete="CASCADE"),
    )
    op.create_index("ix_logins_user_id", "logins", ["user_id"])
    op.create_table(
        "tokens",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("name", _text(100), nullable=False),
        sa.Column("scope", _text(10), nullable=False),
        sa.Column("digest", _text(64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tokens")),
        sa.UniqueConstraint("digest", name=op.f("uq_tokens_digest")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_tokens_user_id_users"), ondelete="CASCADE"),
    )
    op.create_index("ix_tokens_user_id", "tokens", ["user_id"])
    op.create_table(
        "failed_sign_ins",
        sa.Column("key", _text(64), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failed_at", sa.BigInteger(), nullable=False),
        sa.Column("locked_until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_failed_sign_ins")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", _text(255), nullable=False),
        sa.Column("via", _text(10), nullable=False),
        sa.Column("address", _text(64), nullable=False),
        sa.Column("action", _text(40), nullable=False),
        sa.Column("target", _text(255), nullable=False),
        sa.Column("outcome", _text(40), nullable=False),
        sa.Column("before", sa.JSON(), nullable=True),
        sa.Column("after", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_index("ix_audit_at", "audit", ["at"])
    op.create_index("ix_audit_action", "audit", ["action", "id"])
    for statement in _append_only():
        op.execute(statement)
    op.add_column("imports", sa.Column("started_by", _text(255), nullable=False, server_default=sa.text("''")))


def downgrade() -> None:
    op.drop_column("imports", "started_by")
    for table in ("audit", "failed_sign_ins", "tokens", "logins", "users"):
        op.drop_table(table)
    if _on_postgresql():
        op.execute("DROP FUNCTION audit_is_append_only")


def _append_only() -> tuple[str, ...]:
    if _on_postgresql():
        return _POSTGRESQL_APPEND_ONLY
    return tuple(_SQLITE_APPEND_ONLY.format(action=action) for action in ("UPDATE", "DELETE"))


def _text(length: int | None = None) -> Any:
    """Text; on PostgreSQL of any length, compared byte by byte, as all text there."""
    if _on_postgresql():
        return sa.Text(collation="C")
    return sa.Text() if length is None else sa.String(length)


def _on_postgresql() -> bool:
    return bool(op.get_bind().dialect.name == "postgresql")
