"""Days: what each scan's date was taken from, and when a scanner says that a finding was fixed.

Revision: 1795610000, after: 1795600000
Created: 2026-11-29 17:00:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "1795610000"
down_revision = "1795600000"
branch_labels = ()
depends_on = None


def upgrade() -> None:
    # As all text on PostgreSQL: of any length, compared byte by byte.
    kind = sa.Text(collation="C") if op.get_bind().dialect.name == "postgresql" else sa.String(length=10)
    op.add_column("imports", sa.Column("scan_date_from", kind, nullable=True))
    op.add_column("staging_observations", sa.Column("resolved_on", sa.Date(), nullable=True))


def downgrade() -> None:
    op.drop_column("staging_observations", "resolved_on")
    op.drop_column("imports", "scan_date_from")
