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
    _rename_staged("before")
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
    if _is_postgresql():
        _like_sqlite()
    op.execute(_VIEW)


def downgrade() -> None:
    _rename_staged("after")
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


def _is_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _like_sqlite() -> None:
    """Compare text byte by byte and let it have any length; leave what is staged out of PostgreSQL's log.

    What an import inserts is joined with what it refers to, so that nobody looks that up again: it would take as long as all the rest.
    And it notes of most findings only when they were seen: where a page has room for that, no index is written.
    """
    texts = op.get_bind().execute(
        sa.text("""
        SELECT table_name, string_agg(format('ALTER %I TYPE TEXT COLLATE "C"', column_name), ', ') FROM information_schema.columns
        WHERE table_schema = current_schema() AND data_type IN ('text', 'character varying') AND table_name <> 'alembic_version'
        GROUP BY table_name
        """)
    )
    for table, changes in texts.all():
        op.execute(f"ALTER TABLE {table} {changes}")
        if table.startswith("staging_"):
            op.execute(f"ALTER TABLE {table} SET UNLOGGED")
    op.execute("ALTER TABLE staging_findings SET UNLOGGED")
    for referred in ("source", "asset", "definition"):
        op.drop_constraint(f"fk_findings_{referred}_id_{referred}s", "findings")
    op.execute("ALTER TABLE findings SET (fillfactor = 50)")


def _rename_staged(suffix: str) -> None:
    op.rename_table("staging_findings", f"staging_findings_{suffix}")
    if _is_postgresql():  # the name of a constraint is that of its index, which has to be free
        op.execute(f"ALTER INDEX pk_staging_findings RENAME TO pk_staging_findings_{suffix}")


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
