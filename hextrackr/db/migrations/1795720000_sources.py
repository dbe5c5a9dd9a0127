"""Sources that are renamed, merged and retired: the labels that they had before, the day of retirement, and what can be undone.

Revision: 1795720000, after: 1795700000
Created: 2026-11-30 08:00:00.000000
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "1795720000"
down_revision = "1795710000"
branch_labels = ()
depends_on = None


def upgrade() -> None:
    op.add_column("sources", sa.Column("retired_on", sa.Date(), nullable=True))
    op.add_column("sources", sa.Column("undoable_from", sa.Integer(), nullable=False, server_default=sa.text("0")))
    op.create_table(
        "source_aliases",
        sa.Column("scanner", _text(40), nullable=False),
        sa.Column("label", _text(100), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("scanner", "label", name=op.f("pk_source_aliases")),
        sa.ForeignKeyConstraint(
            ["source_id"], ["sources.id"], name=op.f("fk_source_aliases_source_id_sources"), ondelete="CASCADE"
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_source_aliases_source_id", "source_aliases", ["source_id"])


def downgrade() -> None:
    op.drop_table("source_aliases")
    op.drop_column("sources", "undoable_from")
    op.drop_column("sources", "retired_on")


def _text(length: int) -> Any:
    """Text; on PostgreSQL of any length, compared byte by byte, as all text there."""
    return sa.Text(collation="C") if op.get_bind().dialect.name == "postgresql" else sa.String(length)
