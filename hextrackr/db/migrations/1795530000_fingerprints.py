"""Fingerprints: what each import's file was, byte for byte, and how it was read, so that the same file is known again.

Revision: 1795530000, after: 1795520000
Created: 2026-11-26 17:20:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "1795530000"
down_revision = "1795520000"
branch_labels = ()
depends_on = None


def upgrade() -> None:
    # As all text on PostgreSQL: of any length, compared byte by byte.
    kind = sa.Text(collation="C") if op.get_bind().dialect.name == "postgresql" else sa.String(length=64)
    for name in ("digest", "fingerprint"):
        op.add_column("imports", sa.Column(name, kind, nullable=True))


def downgrade() -> None:
    for name in ("fingerprint", "digest"):
        op.drop_column("imports", name)
