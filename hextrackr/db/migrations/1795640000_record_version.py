"""The version of the record, and what led to the latest versions.

Revision: 1795640000, after: 1795630000
Created: 2026-11-30 00:50:00.000000
"""

import uuid

import sqlalchemy as sa
from alembic import op

revision = "1795640000"
down_revision = "1795630000"
branch_labels = ()
depends_on = None


def upgrade() -> None:
    # As all text on PostgreSQL: compared byte by byte.
    text = sa.Text(collation="C") if op.get_bind().dialect.name == "postgresql" else sa.String(32)
    version = op.create_table(
        "record_version",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("stamp", text, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_record_version")),
    )
    changes = op.create_table(
        "record_changes",
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("stamp", text, nullable=False),
        sa.Column("import_id", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_record_changes")),
    )
    first = {"version": 1, "stamp": uuid.uuid4().hex}
    op.bulk_insert(version, [{"id": 1, **first}])
    op.bulk_insert(changes, [{**first, "import_id": None}])


def downgrade() -> None:
    op.drop_table("record_changes")
    op.drop_table("record_version")
