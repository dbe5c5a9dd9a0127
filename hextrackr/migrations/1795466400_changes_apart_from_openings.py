"""Changes apart from openings: that a finding was opened is told by the finding itself, and what staged findings say is kept once.

Revision: 1795466400, after: 1795444996
Created: 2026-11-23 20:40:00.000000
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "1795466400"
down_revision = "1795444996"
branch_labels = ()
depends_on = None

_CHANGE = (
    "import_id, finding_id, kind, day, severity, vpr, cvss, severity_before, vpr_before, cvss_before, lifecycle_before"
)
_VIEW = f"""
CREATE VIEW finding_events AS
SELECT {_CHANGE} FROM finding_changes
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
_SAID = "protocol, severity, vpr, cvss, first_seen, last_seen, state"
_SAME = " AND ".join(f"o.{name.strip()} IS NOT DISTINCT FROM s.{name.strip()}" for name in _SAID.split(","))


def upgrade() -> None:
    _history_table("finding_changes")
    op.add_column("findings", sa.Column("opened_by", sa.Integer(), nullable=True))
    op.execute("""
        UPDATE findings SET opened_by = e.import_id FROM finding_events e
        WHERE e.finding_id = findings.id AND e.lifecycle_before IS NULL
    """)
    op.execute(f"""
        INSERT INTO finding_changes ({_CHANGE}) SELECT {_CHANGE} FROM finding_events WHERE lifecycle_before IS NOT NULL
    """)
    op.drop_table("finding_events")
    op.execute(_VIEW)

    op.rename_table("staging_findings", "staging_findings_before")
    _staged_table("staging_observations", *_observation(), sa.Column("findings", sa.Integer(), nullable=False))
    _staged_table("staging_findings", *_identity(), sa.Column("observation_number", sa.Integer(), nullable=False))
    op.execute(f"""
        INSERT INTO staging_observations (import_id, number, {_SAID}, findings)
        SELECT import_id, row_number() OVER (PARTITION BY import_id), {_SAID}, findings
        FROM (SELECT import_id, {_SAID}, count(*) AS findings FROM staging_findings_before GROUP BY import_id, {_SAID}) AS said
    """)
    op.execute(f"""
        INSERT INTO staging_findings (import_id, number, asset_number, definition_number, port, observation_number)
        SELECT s.import_id, s.number, s.asset_number, s.definition_number, s.port, o.number
        FROM staging_findings_before s JOIN staging_observations o ON o.import_id = s.import_id AND {_SAME}
    """)
    op.drop_table("staging_findings_before")


def downgrade() -> None:
    op.rename_table("staging_findings", "staging_findings_after")
    _staged_table("staging_findings", *_identity(), *_observation())
    op.execute(f"""
        INSERT INTO staging_findings (import_id, number, asset_number, definition_number, port, {_SAID})
        SELECT s.import_id, s.number, asset_number, definition_number, port, {_SAID}
        FROM staging_findings_after s
        JOIN staging_observations o ON o.import_id = s.import_id AND o.number = s.observation_number
    """)
    op.drop_table("staging_findings_after")
    op.drop_table("staging_observations")

    op.execute("CREATE TABLE finding_events_after AS SELECT * FROM finding_events")
    op.execute("DROP VIEW finding_events")
    _history_table("finding_events")
    op.execute(f"INSERT INTO finding_events ({_CHANGE}) SELECT {_CHANGE} FROM finding_events_after")
    op.drop_table("finding_events_after")
    op.drop_table("finding_changes")
    op.drop_column("findings", "opened_by")


def _history_table(name: str) -> None:
    op.create_table(
        name,
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("finding_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("severity", sa.SmallInteger(), nullable=False),
        sa.Column("vpr", sa.Double(), nullable=True),
        sa.Column("cvss", sa.Double(), nullable=True),
        sa.Column("severity_before", sa.SmallInteger(), nullable=True),
        sa.Column("vpr_before", sa.Double(), nullable=True),
        sa.Column("cvss_before", sa.Double(), nullable=True),
        sa.Column("lifecycle_before", sa.String(length=10), nullable=True),
        sa.ForeignKeyConstraint(
            ["finding_id"], ["findings.id"], name=op.f(f"fk_{name}_finding_id_findings"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["import_id"], ["imports.id"], name=op.f(f"fk_{name}_import_id_imports"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("import_id", "finding_id", name=op.f(f"pk_{name}")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f(f"ix_{name}_finding_id"), name, ["finding_id"], unique=False)


def _staged_table(name: str, *columns: sa.Column[Any]) -> None:
    op.create_table(
        name,
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        *columns,
        sa.PrimaryKeyConstraint("import_id", "number", name=op.f(f"pk_{name}")),
        sqlite_with_rowid=False,
    )


def _identity() -> tuple[sa.Column[Any], ...]:
    return tuple(
        sa.Column(name, sa.Integer(), nullable=False) for name in ("asset_number", "definition_number", "port")
    )


def _observation() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("protocol", sa.String(length=10), nullable=False),
        sa.Column("severity", sa.SmallInteger(), nullable=False),
        sa.Column("vpr", sa.Double(), nullable=True),
        sa.Column("cvss", sa.Double(), nullable=True),
        sa.Column("first_seen", sa.Date(), nullable=True),
        sa.Column("last_seen", sa.Date(), nullable=True),
        sa.Column("state", sa.SmallInteger(), nullable=False),
    )
