"""What an import changed of when findings were seen last is kept with the other values before it; a view that nobody read goes.

Revision: 1795660000, after: 1795650000
Created: 2026-11-30 04:30:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "1795660000"
down_revision = "1795650000"
branch_labels = ()
depends_on = None

#: Until now a bit of a number stood for each finding: finding ``id`` was bit ``id % 62`` in the row of block ``id / 62``.
_BLOCK = 62
_VIEW = """
CREATE VIEW finding_events AS
SELECT import_id, finding_id, kind, day, severity, vpr, cvss, severity_before, vpr_before, cvss_before, lifecycle_before
FROM finding_changes
UNION ALL
SELECT opened_by, f.id, CASE coalesce(c.lifecycle_before, f.lifecycle) WHEN 'resolved' THEN 'resolved' ELSE 'opened' END, i.scan_date,
       coalesce(c.severity_before, f.severity), CASE WHEN c.finding_id IS NULL THEN f.vpr ELSE c.vpr_before END,
       CASE WHEN c.finding_id IS NULL THEN f.cvss ELSE c.cvss_before END, NULL, NULL, NULL, NULL
FROM findings f JOIN imports i ON i.id = f.opened_by
LEFT JOIN finding_changes c ON c.finding_id = f.id AND c.import_id = (
    SELECT first.import_id FROM finding_changes first JOIN imports j ON j.id = first.import_id
    WHERE first.finding_id = f.id ORDER BY j.place, j.id LIMIT 1
)
"""


def upgrade() -> None:
    op.execute("DROP VIEW finding_events")
    op.add_column("undo_findings", sa.Column("sighting_id", sa.Integer(), nullable=True))
    op.execute(f"""
        INSERT INTO undo_findings (import_id, finding_id, sighting_id)
        SELECT u.import_id, f.id, u.sighting_id
        FROM undo_sightings u JOIN findings f ON f.id BETWEEN u.block * {_BLOCK} AND u.block * {_BLOCK} + {_BLOCK - 1}
        WHERE (u.findings >> (f.id - u.block * {_BLOCK})) & 1 = 1
        ON CONFLICT (import_id, finding_id) DO UPDATE SET sighting_id = excluded.sighting_id
    """)
    op.drop_table("undo_sightings")


def downgrade() -> None:
    op.create_table(
        "undo_sightings",
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("block", sa.Integer(), nullable=False),
        sa.Column("sighting_id", sa.Integer(), nullable=False),
        sa.Column("findings", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("import_id", "block", "sighting_id", name="pk_undo_sightings"),
        sqlite_with_rowid=False,
    )
    op.execute(f"""
        INSERT INTO undo_sightings (import_id, block, sighting_id, findings)
        SELECT import_id, finding_id / {_BLOCK}, sighting_id, CAST(sum(CAST(1 AS BIGINT) << (finding_id % {_BLOCK})) AS BIGINT)
        FROM undo_findings WHERE sighting_id IS NOT NULL GROUP BY 1, 2, 3
    """)
    op.execute("""
        DELETE FROM undo_findings WHERE lifecycle IS NULL AND first_seen IS NULL AND port IS NULL AND protocol IS NULL
    """)
    op.drop_column("undo_findings", "sighting_id")
    op.execute(_VIEW)
