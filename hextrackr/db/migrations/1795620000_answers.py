"""Answers: an import whose question was answered goes on from its staged rows, whether it is confirmed or may ask again.

Revision: 1795620000, after: 1795610000
Created: 2026-11-29 16:55:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "1795620000"
down_revision = "1795610000"
branch_labels = ()
depends_on = None


def upgrade() -> None:
    op.add_column("imports", sa.Column("answered", sa.Boolean(), nullable=False, server_default=sa.false()))
    # Until now only what was confirmed went on like this.
    op.execute("UPDATE imports SET answered = confirmed WHERE state = 'promoting'")


def downgrade() -> None:
    op.drop_column("imports", "answered")
