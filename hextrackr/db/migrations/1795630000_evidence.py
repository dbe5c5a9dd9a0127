"""Evidence of findings, each text once, and details of hosts and definitions.

Revision: 1795630000, after: 1795620000
Created: 2026-11-29 17:00:00.000000
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "1795630000"
down_revision = "1795620000"
branch_labels = ()
depends_on = None

_STAGING = ("staging_evidence", "staging_details")


def upgrade() -> None:
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    # As all text on PostgreSQL: compared byte by byte.
    text = sa.Text(collation="C") if on_postgresql else sa.Text()
    op.create_table(
        "evidence",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.BigInteger(), nullable=False),
        sa.Column("text", text, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence")),
    )
    op.create_index("ix_evidence_digest", "evidence", ["digest"])
    _table("staging_evidence", ["number"], sa.Column("digest", sa.BigInteger(), nullable=False))
    level = sa.Column("level", sa.SmallInteger(), nullable=False)
    _table("staging_details", ["number", "level"], level, sa.Column("details", text, nullable=False))
    _table("undo_evidence", ["finding_id"], sa.Column("evidence_id", sa.Integer()))
    level = sa.Column("level", sa.SmallInteger(), nullable=False)
    _table("undo_details", ["subject_id", "level"], level, sa.Column("details", text))
    op.add_column("findings", sa.Column("evidence_id", sa.Integer(), nullable=True))
    op.add_column("staging_findings", sa.Column("evidence_number", sa.Integer(), nullable=True))
    for table in ("assets", "definitions"):
        op.add_column(table, sa.Column("details", text, nullable=True))
    if on_postgresql:  # as the other staging tables
        for table in _STAGING:
            op.execute(f"ALTER TABLE {table} SET UNLOGGED")


def downgrade() -> None:
    for table in ("assets", "definitions"):
        op.drop_column(table, "details")
    op.drop_column("staging_findings", "evidence_number")
    op.drop_column("findings", "evidence_id")
    for table in ("undo_details", "undo_evidence", *reversed(_STAGING), "evidence"):
        op.drop_table(table)


def _table(name: str, numbers: list[str], *columns: sa.Column[Any]) -> None:
    """A table of rows that belong to an import and are known by these numbers, which are columns unless they are given."""
    given = {column.name for column in columns}
    op.create_table(
        name,
        sa.Column("import_id", sa.Integer(), nullable=False),
        *(sa.Column(number, sa.Integer(), nullable=False) for number in numbers if number not in given),
        *columns,
        sa.PrimaryKeyConstraint("import_id", *numbers, name=op.f(f"pk_{name}")),
        sqlite_with_rowid=False,
    )
