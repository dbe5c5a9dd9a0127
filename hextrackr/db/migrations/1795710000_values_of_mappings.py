"""What values of a mapped column mean, a sample of the file, and names of scanners that outlive their mappings.

Revision: 1795710000, after: 1795700000
Created: 2026-11-30 08:00:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "1795710000"
down_revision = "1795700000"
branch_labels = ()
depends_on = None


def upgrade() -> None:
    for name in ("meanings", "sample"):
        op.add_column("saved_mappings", sa.Column(name, sa.JSON(), nullable=True))
    op.add_column("saved_mappings", sa.Column("deleted_at", sa.BigInteger(), nullable=True))
    _name_deleted()


def downgrade() -> None:
    op.execute("DELETE FROM saved_mappings WHERE deleted_at IS NOT NULL")
    for name in ("deleted_at", "sample", "meanings"):
        op.drop_column("saved_mappings", name)


def _name_deleted() -> None:
    """Mappings that were deleted left their sources without a name: give them back the one that their latest import has."""
    connection = op.get_bind()
    taken = set(connection.execute(sa.text("SELECT name FROM saved_mappings")).scalars())
    sources = connection.execute(
        sa.text("""
            SELECT s.scanner, (SELECT vendor FROM imports i WHERE i.scanner = s.scanner AND vendor <> '' ORDER BY id DESC LIMIT 1)
            FROM sources s
            WHERE s.scanner LIKE 'custom-%' AND NOT EXISTS (SELECT 1 FROM saved_mappings m WHERE 'custom-' || m.id = s.scanner)
            GROUP BY s.scanner ORDER BY s.scanner
        """)
    )
    for scanner, vendor in sources.all():
        number = scanner.removeprefix("custom-")
        name = vendor if vendor and vendor not in taken else f"Deleted mapping {number}"
        taken.add(name)
        connection.execute(
            sa.text("""
                INSERT INTO saved_mappings (id, name, header, fields, severity_scale, day_first, created_at, deleted_at)
                VALUES (:id, :name, '[]', '{}', 'words', :day_first, 0, 0)
            """),
            {"id": int(number), "name": name, "day_first": False},
        )
