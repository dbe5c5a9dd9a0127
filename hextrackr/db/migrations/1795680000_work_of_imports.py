"""Imports: how long they were worked on and where they stopped, and session ids of up to 64 characters.

Revision: 1795680000, after: 1795660000
Created: 2026-11-30 04:20:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "1795680000"
down_revision = "1795660000"
branch_labels = ()
depends_on = None


def upgrade() -> None:
    _resize_session_id(36, 64)
    op.add_column("imports", sa.Column("work", sa.JSON(), nullable=True))


def downgrade() -> None:
    _resize_session_id(64, 36)
    op.drop_column("imports", "work")


def _resize_session_id(before: int, after: int) -> None:
    """Give the column its new length.

    On PostgreSQL it is of any length. SQLite keeps to none: nothing changes but the text that tells of the column, as
    https://www.sqlite.org/lang_altertable.html#otheralter has it; the change of columns beside this makes others read it anew.
    """
    if op.get_bind().dialect.name == "postgresql":
        return
    op.execute("PRAGMA writable_schema = ON")
    op.execute(
        f"UPDATE sqlite_master SET sql = replace(sql, 'session_id VARCHAR({before})', 'session_id VARCHAR({after})') "
        "WHERE type = 'table' AND name = 'imports'"
    )
    op.execute("PRAGMA writable_schema = RESET")
