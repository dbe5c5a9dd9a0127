"""Lists are read from a copy: the indexes that only they used go, and whether a finding is open is told by a column.

Revision: 1795650000, after: 1795640000
Created: 2026-11-30 01:30:00.000000
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "1795650000"
down_revision = "1795640000"
branch_labels = ()
depends_on = None

_OPEN = "lifecycle <> 'resolved'"
_GRADE = "CASE lifecycle WHEN 'resolved' THEN 0 WHEN 'active' THEN 5 ELSE 10 END + severity"
_BEFORE = {
    "vpr": ["source_id", "grade", "vpr"],
    "cvss": ["source_id", "grade", "cvss"],
    "first_seen": ["source_id", "grade", "first_seen"],
    "port": ["port"],
    "sighting": ["sighting_id", "grade"],
}


def upgrade() -> None:
    for name in _BEFORE:
        op.drop_index(f"ix_findings_{name}", "findings")
    op.drop_column("findings", "grade")
    op.add_column("findings", sa.Column("is_open", sa.Boolean(), _computed(_OPEN), nullable=False))
    op.create_index("ix_findings_sighting", "findings", ["sighting_id", "is_open"])


def downgrade() -> None:
    op.drop_index("ix_findings_sighting", "findings")
    op.drop_column("findings", "is_open")
    op.add_column("findings", sa.Column("grade", sa.SmallInteger(), _computed(_GRADE), nullable=False))
    for name, columns in _BEFORE.items():
        op.create_index(f"ix_findings_{name}", "findings", _in_order(columns) if _on_postgresql() else columns)


def _computed(expression: str) -> sa.Computed:
    return sa.Computed(expression, persisted=_on_postgresql())  # which has no other kind


def _in_order(columns: list[str]) -> list[Any]:
    listed = (*columns, "id") if "grade" in columns else ()
    return [sa.text(f"{name} NULLS FIRST") for name in listed] or columns


def _on_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"
