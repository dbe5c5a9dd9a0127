"""Users whose groups give no role any more.

Revision: 1795730000, after: 1795720000
Created: 2026-11-30 11:00:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "1795730000"
down_revision = "1795720000"
branch_labels = ()
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("without_role", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    op.drop_column("users", "without_role")
