"""Spans of findings: which findings an import put on record is told by the span of their ids, and needs no index of all.

Revision: 1795560000, after: 1795550000
Created: 2026-11-27 04:10:00.000000
"""

import sqlalchemy as sa
from alembic import op

revision = "1795560000"
down_revision = "1795550000"
branch_labels = ()
depends_on = None

_NAMES = ("first_finding", "last_finding")
_FIND = """
    UPDATE imports SET first_finding = s.first, last_finding = s.last
    FROM (SELECT opened_by, min(id) AS first, max(id) AS last FROM findings GROUP BY opened_by) AS s
    WHERE s.opened_by = imports.id
"""


def upgrade() -> None:
    for name in _NAMES:
        op.add_column("imports", sa.Column(name, sa.Integer(), nullable=True))
    op.execute(_FIND)
    op.drop_index("ix_findings_opened_by", "findings")


def downgrade() -> None:
    op.create_index("ix_findings_opened_by", "findings", ["opened_by"])
    for name in _NAMES:
        op.drop_column("imports", name)
