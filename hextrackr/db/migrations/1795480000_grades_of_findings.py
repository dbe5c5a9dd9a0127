"""Grades of findings: lifecycle and severity as one number, which the indexes behind the lists begin with.

Revision: 1795480000, after: 1795466400
Created: 2026-11-24 00:26:40.000000
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "1795480000"
down_revision = "1795466400"
branch_labels = ()
depends_on = None

_GRADE = "CASE lifecycle WHEN 'resolved' THEN 0 WHEN 'active' THEN 5 ELSE 10 END + severity"
_BEFORE = {"state": ["source_id", "lifecycle", "severity", "vpr"], "worst": ["severity", "vpr"]}
_AFTER = {
    "vpr": ["source_id", "grade", "vpr"], "cvss": ["grade", "cvss"], "first_seen": ["grade", "first_seen"], "opened_by": ["opened_by"]
}  # fmt: skip


def upgrade() -> None:
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    grade = sa.Computed(_GRADE, persisted=on_postgresql)  # which has no other kind
    op.add_column("findings", sa.Column("grade", sa.SmallInteger(), grade, nullable=False))
    for name in _BEFORE:
        op.drop_index(f"ix_findings_{name}", "findings")
    for name, columns in _AFTER.items():
        op.create_index(f"ix_findings_{name}", "findings", _in_order(columns) if on_postgresql else columns)


def _in_order(columns: list[str]) -> list[Any]:
    """As SQLite has an index that lists are read from: what has no value comes first, and equals stand in the order of their ids."""
    listed = (*columns, "id") if "grade" in columns else ()
    return [sa.text(f"{name} NULLS FIRST") for name in listed] or columns


def downgrade() -> None:
    for name in _AFTER:
        op.drop_index(f"ix_findings_{name}", "findings")
    for name, columns in _BEFORE.items():
        op.create_index(f"ix_findings_{name}", "findings", columns)
    op.drop_column("findings", "grade")
