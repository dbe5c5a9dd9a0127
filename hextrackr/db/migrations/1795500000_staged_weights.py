"""Staged weights: what a staged file has open on each asset and of each definition.

Revision: 1795500000, after: 1795490000
Created: 2026-11-25 11:40:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "1795500000"
down_revision = "1795490000"
branch_labels = ()
depends_on = None

_SEVERITIES = {"critical": 4, "high": 3, "medium": 2, "low": 1, "info": 0}
_SUBJECTS = ("asset", "definition")


def upgrade() -> None:
    counts = ", ".join(f"count(*) FILTER (WHERE o.severity = {value}) AS {name}" for name, value in _SEVERITIES.items())
    names = (*_SEVERITIES, "vpr_sum")
    for subject in _SUBJECTS:
        table = f"staging_{subject}s"
        for name in _SEVERITIES:
            op.add_column(table, sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
        op.add_column(table, sa.Column("vpr_sum", sa.Double(), nullable=False, server_default="0"))
        op.execute(f"""
            UPDATE {table} SET {", ".join(f"{name} = w.{name}" for name in names)}
            FROM (SELECT s.import_id, s.{subject}_number AS number, {counts},
                         round(CAST(coalesce(sum(o.vpr), 0) AS NUMERIC), 2) AS vpr_sum
                  FROM staging_findings s
                  JOIN staging_observations o ON o.import_id = s.import_id AND o.number = s.observation_number
                  WHERE o.state > 0 GROUP BY s.import_id, s.{subject}_number) AS w
            WHERE w.import_id = {table}.import_id AND w.number = {table}.number
        """)
        with op.batch_alter_table(table, table_kwargs={"sqlite_with_rowid": False}) as staged:
            for name in names:
                staged.alter_column(name, server_default=None)


def downgrade() -> None:
    for subject in _SUBJECTS:
        for name in (*_SEVERITIES, "vpr_sum"):
            op.drop_column(f"staging_{subject}s", name)
