"""Weights: the open findings of each asset and each definition, by severity; and an index of ports.

Revision: 1795490000, after: 1795480000
Created: 2026-11-24 03:13:20.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "1795490000"
down_revision = "1795480000"
branch_labels = ()
depends_on = None

_SEVERITIES = {"critical": 4, "high": 3, "medium": 2, "low": 1, "info": 0}
_REFERRED = {"asset": "assets", "definition": "definitions"}


def upgrade() -> None:
    op.create_index("ix_findings_port", "findings", ["port"])
    counts = ", ".join(f"count(*) FILTER (WHERE severity = {value})" for value in _SEVERITIES.values())
    for subject, referred in _REFERRED.items():
        op.create_table(
            f"{subject}_weights",
            sa.Column(f"{subject}_id", sa.Integer(), autoincrement=False, nullable=False),
            *(sa.Column(name, sa.Integer(), nullable=False) for name in _SEVERITIES),
            sa.Column("vpr_sum", sa.Double(), nullable=False),
            sa.ForeignKeyConstraint(
                [f"{subject}_id"],
                [f"{referred}.id"],
                name=f"fk_{subject}_weights_{subject}_id_{referred}",
                ondelete="CASCADE",
            ),
            sa.PrimaryKeyConstraint(f"{subject}_id", name=f"pk_{subject}_weights"),
        )
        op.execute(f"""
            INSERT INTO {subject}_weights ({subject}_id, {", ".join(_SEVERITIES)}, vpr_sum)
            SELECT {subject}_id, {counts}, round(CAST(coalesce(sum(vpr), 0) AS NUMERIC), 2)
            FROM findings WHERE lifecycle <> 'resolved' GROUP BY {subject}_id
        """)


def downgrade() -> None:
    op.drop_index("ix_findings_port", "findings")
    for subject in _REFERRED:
        op.drop_table(f"{subject}_weights")
