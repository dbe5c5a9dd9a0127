"""Sources first: the indexes behind the lists by CVSS and by first sight begin with the source as well, as that by VPR does.

Revision: 1795550000, after: 1795540000
Created: 2026-11-27 03:58:00.000000
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "1795550000"
down_revision = "1795540000"
branch_labels = ()
depends_on = None

_LISTED = ("cvss", "first_seen")


def upgrade() -> None:
    _build_again("source_id", "grade")


def downgrade() -> None:
    _build_again("grade")


def _build_again(*begin: str) -> None:
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    for name in _LISTED:
        columns = [*begin, name]
        in_order: list[Any] = [sa.text(f"{column} NULLS FIRST") for column in (*columns, "id")]
        op.drop_index(f"ix_findings_{name}", "findings")
        op.create_index(f"ix_findings_{name}", "findings", in_order if on_postgresql else columns)
