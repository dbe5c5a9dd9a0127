"""Sightings: when findings were seen last is told once for all that were seen together, and no longer written into each.

Revision: 1795540000, after: 1795530000
Created: 2026-11-27 00:10:00.000000
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "1795540000"
down_revision = "1795530000"
branch_labels = ()
depends_on = None

_BLOCK = 62
_BIT = f"CAST(1 AS BIGINT) << (finding_id % {_BLOCK})"
#: Every day on which a finding was seen last, now or before an import that can be undone.
_SIGHTINGS = """
    INSERT INTO sightings (source_id, day)
    SELECT source_id, last_seen FROM findings
    UNION SELECT i.source_id, u.last_seen FROM undo_sightings u JOIN imports i ON i.id = u.import_id
    UNION SELECT f.source_id, u.last_seen FROM undo_findings u JOIN findings f ON f.id = u.finding_id
    ORDER BY 1, 2
"""
_REFER = """
    UPDATE findings SET sighting_id = (SELECT s.id FROM sightings s WHERE s.source_id = findings.source_id AND s.day = findings.last_seen)
"""
_SEEN_BEFORE = f"""
    INSERT INTO undo_sightings (import_id, block, sighting_id, findings)
    SELECT import_id, block, s.id, CAST(sum(findings) AS BIGINT)
    FROM (SELECT import_id, block, last_seen, findings FROM undo_sightings_before
          UNION ALL SELECT import_id, finding_id / {_BLOCK}, last_seen, {_BIT} FROM undo_findings) AS u
    JOIN imports i ON i.id = u.import_id JOIN sightings s ON s.source_id = i.source_id AND s.day = u.last_seen GROUP BY 1, 2, 3
"""


def upgrade() -> None:
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    op.create_table(
        "sightings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(
            ["source_id"], ["sources.id"], name=op.f("fk_sightings_source_id_sources"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sightings")),
    )
    op.create_index("ix_sightings_day", "sightings", ["source_id", "day"])
    op.execute(_SIGHTINGS)
    # On PostgreSQL findings have no keys that would be looked up row by row.
    refers = "" if on_postgresql else "CONSTRAINT fk_findings_sighting_id_sightings REFERENCES sightings"
    op.execute(f"ALTER TABLE findings ADD COLUMN sighting_id INTEGER {refers}")
    op.execute(_REFER)
    names = ["sighting_id", "grade"]
    in_order: list[Any] = [sa.text(f"{name} NULLS FIRST") for name in (*names, "id")]
    op.create_index("ix_findings_sighting", "findings", in_order if on_postgresql else names)
    _put_aside("undo_sightings")
    _table_of_sightings(sa.Column("sighting_id", sa.Integer(), nullable=False))
    op.execute(_SEEN_BEFORE)
    op.drop_table("undo_sightings_before")
    op.create_table(
        "undo_days",
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("sighting_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("import_id", "sighting_id", name=op.f("pk_undo_days")),
        sqlite_with_rowid=False,
    )
    op.drop_column("undo_findings", "last_seen")
    op.drop_column("findings", "last_seen")
    op.add_column("staging_observations", sa.Column("sighting_id", sa.Integer(), nullable=True))
    if on_postgresql:  # no row is written any more only because it was seen again, so none needs room beside it
        op.execute("ALTER TABLE findings RESET (fillfactor)")


def downgrade() -> None:
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    for table in ("findings", "undo_findings"):
        none_yet = sa.Column("last_seen", sa.Date(), nullable=False, server_default="1970-01-01")
        op.add_column(table, none_yet)
    op.execute("UPDATE findings SET last_seen = (SELECT s.day FROM sightings s WHERE s.id = findings.sighting_id)")
    _put_aside("undo_sightings")
    _table_of_sightings(sa.Column("last_seen", sa.Date(), nullable=False))
    _take_apart()
    op.drop_table("undo_sightings_before")
    op.drop_table("undo_days")
    op.drop_index("ix_findings_sighting", "findings")
    op.drop_column("findings", "sighting_id")
    op.drop_table("sightings")
    op.drop_column("staging_observations", "sighting_id")
    if on_postgresql:
        for table in ("findings", "undo_findings"):
            op.alter_column(table, "last_seen", server_default=None)
        op.execute("ALTER TABLE findings SET (fillfactor = 50)")


def _put_aside(table: str) -> None:
    op.execute(f"CREATE TABLE {table}_before AS SELECT * FROM {table}")
    op.drop_table(table)


def _table_of_sightings(told: sa.Column[Any]) -> None:
    op.create_table(
        "undo_sightings",
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("block", sa.Integer(), nullable=False),
        told,
        sa.Column("findings", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("import_id", "block", told.name, name=op.f("pk_undo_sightings")),
        sqlite_with_rowid=False,
    )


def _take_apart() -> None:
    """Say of each finding on which day it was seen before each import, from the latest import back to the first that can be undone."""
    of_import = "SELECT finding_id FROM refers WHERE source_id = :source_id"
    steps = (
        "DELETE FROM refers WHERE opened_by = :import_id",
        "UPDATE refers SET after = (SELECT day FROM days d WHERE d.sighting_id = refers.sighting_id) WHERE source_id = :source_id",
        f"""UPDATE refers SET sighting_id = u.sighting_id FROM undo_sightings_before u
            WHERE u.import_id = :import_id AND refers.finding_id / {_BLOCK} = u.block
              AND (u.findings >> (refers.finding_id % {_BLOCK})) & 1 = 1""",
        """UPDATE days SET day = u.day FROM undo_days u
           WHERE u.import_id = :import_id AND u.sighting_id = days.sighting_id AND u.day IS NOT NULL""",
        f"""INSERT INTO undo_sightings (import_id, block, last_seen, findings)
            SELECT :import_id, finding_id / {_BLOCK}, d.day, CAST(sum({_BIT}) AS BIGINT)
            FROM refers r JOIN days d ON d.sighting_id = r.sighting_id
            WHERE r.source_id = :source_id AND d.day <> r.after
              AND finding_id NOT IN (SELECT finding_id FROM undo_findings WHERE import_id = :import_id) GROUP BY 2, 3""",
        f"""UPDATE undo_findings SET last_seen = (
                SELECT d.day FROM refers r JOIN days d ON d.sighting_id = r.sighting_id WHERE r.finding_id = undo_findings.finding_id)
            WHERE import_id = :import_id AND finding_id IN ({of_import})""",
    )  # fmt: skip
    bind = op.get_bind()
    op.execute("""
        CREATE TABLE refers AS SELECT id AS finding_id, source_id, opened_by, sighting_id, last_seen AS after FROM findings
    """)
    op.execute("CREATE UNIQUE INDEX ix_refers ON refers (finding_id)")
    op.execute("CREATE TABLE days AS SELECT id AS sighting_id, day FROM sightings")
    standing = sa.text("""
        SELECT id, source_id FROM imports WHERE place IS NOT NULL AND undone_at IS NULL AND id IN (
            SELECT import_id FROM undo_days UNION SELECT import_id FROM undo_sightings_before UNION SELECT import_id FROM undo_findings)
        ORDER BY source_id, place DESC
    """)
    for import_id, source_id in bind.execute(standing).all():
        for step in steps:
            names = {"import_id": import_id, "source_id": source_id}
            bind.execute(sa.text(step), {name: value for name, value in names.items() if f":{name}" in step})
    op.drop_table("refers")
    op.drop_table("days")
