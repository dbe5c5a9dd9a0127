"""Sightings in blocks: of findings that an import merely saw again, the day before is kept once for all of a block.

Revision: 1795520000, after: 1795510000
Created: 2026-11-25 16:40:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "1795520000"
down_revision = "1795510000"
branch_labels = ()
depends_on = None

_BLOCK = 62
#: What merely was seen again has no other value in its row. One that a late scan saw earlier keeps it.
_SEEN_AGAIN = "lifecycle IS NULL AND first_seen IS NULL"


def upgrade() -> None:
    op.create_table(
        "undo_sightings",
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("block", sa.Integer(), nullable=False),
        sa.Column("last_seen", sa.Date(), nullable=False),
        sa.Column("findings", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("import_id", "block", "last_seen", name=op.f("pk_undo_sightings")),
        sqlite_with_rowid=False,
    )
    op.execute(f"""
        INSERT INTO undo_sightings (import_id, block, last_seen, findings)
        SELECT import_id, finding_id / {_BLOCK}, last_seen,
               CAST(sum(CAST(1 AS BIGINT) << (finding_id % {_BLOCK})) AS BIGINT)
        FROM undo_findings WHERE {_SEEN_AGAIN} GROUP BY 1, 2, 3
    """)
    op.execute(f"DELETE FROM undo_findings WHERE {_SEEN_AGAIN}")


def downgrade() -> None:
    op.execute(f"""
        INSERT INTO undo_findings (import_id, finding_id, last_seen)
        SELECT u.import_id, f.id, u.last_seen
        FROM undo_sightings u JOIN findings f ON f.id BETWEEN u.block * {_BLOCK} AND u.block * {_BLOCK} + {_BLOCK - 1}
        WHERE (u.findings >> (f.id - u.block * {_BLOCK})) & 1 = 1
    """)
    op.drop_table("undo_sightings")
