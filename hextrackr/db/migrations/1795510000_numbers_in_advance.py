"""Numbers in advance: a connection to PostgreSQL takes the ids of a thousand findings at a time, as an import adds so many.

Revision: 1795510000, after: 1795500000
Created: 2026-11-25 12:25:00.000000
"""

from alembic import op

revision = "1795510000"
down_revision = "1795500000"
branch_labels = ()
depends_on = None


def upgrade() -> None:
    _take(1_000)


def downgrade() -> None:
    _take(1)


def _take(numbers: int) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"ALTER SEQUENCE findings_id_seq CACHE {numbers}")
