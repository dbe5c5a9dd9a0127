"""The tables of the first version.

Revision: 1795630000, after:
Created: 2026-11-29 17:00:00.000000
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "1795630000"
down_revision = None
branch_labels = ("default",)
depends_on = None

_GRADE = "CASE lifecycle WHEN 'resolved' THEN 0 WHEN 'active' THEN 5 ELSE 10 END + severity"
_VIEW = """
CREATE VIEW finding_events AS
SELECT import_id, finding_id, kind, day, severity, vpr, cvss, severity_before, vpr_before, cvss_before, lifecycle_before
FROM finding_changes
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


def upgrade() -> None:
    _create_record()
    _create_staging()
    _create_undo()
    op.execute(_VIEW)
    if _is_postgresql():  # a connection takes the ids of a thousand findings at a time, as an import adds so many
        op.execute("ALTER SEQUENCE findings_id_seq CACHE 1000")


def downgrade() -> None:
    op.execute("DROP VIEW finding_events")
    for table in (
        "undo_totals",
        "undo_sightings",
        "undo_identifiers",
        "undo_findings",
        "undo_evidence",
        "undo_details",
        "undo_definitions",
        "undo_days",
        "undo_cves",
        "undo_assets",
        "staging_unchecked",
        "staging_observations",
        "staging_identifiers",
        "staging_findings",
        "staging_evidence",
        "staging_details",
        "staging_definitions",
        "staging_cves",
        "staging_assets",
        "saved_mappings",
        "definition_weights",
        "asset_weights",
        "state_totals",
        "daily_totals",
        "finding_changes",
        "findings",
        "evidence",
        "sightings",
        "definition_cves",
        "definitions",
        "asset_identifiers",
        "assets",
        "rejects",
        "imports",
        "sources",
    ):
        op.drop_table(table)


def _create_record() -> None:
    op.create_table(
        "sources",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("scanner", _text(40), nullable=False),
        sa.Column("label", _text(100), nullable=False),
        sa.Column("last_scan_date", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_sources"),
        sa.UniqueConstraint("scanner", "label", name="uq_sources_scanner_label"),
    )
    op.create_table(
        "imports",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("session_id", _text(36), nullable=False),
        sa.Column("filename", _text(255), nullable=False),
        sa.Column("file_size", sa.BigInteger(), nullable=False),
        sa.Column("upload", _text(64), nullable=False),
        sa.Column("vendor", _text(100), nullable=False),
        sa.Column("scanner", _text(40), nullable=False),
        sa.Column("source_label", _text(100), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=True),
        sa.Column("mode", _text(10), nullable=False),
        sa.Column("scan_date", sa.Date(), nullable=True),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.Column("date_order", _text(12), nullable=True),
        sa.Column("preview", sa.Boolean(), nullable=False),
        sa.Column("state", _text(24), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("owner", _text(100), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("error_code", _text(32), nullable=True),
        sa.Column("error_detail", _text(), nullable=True),
        sa.Column("rows_read", sa.Integer(), nullable=False),
        sa.Column("blank", sa.Integer(), nullable=False),
        sa.Column("merged", sa.Integer(), nullable=False),
        sa.Column("rejected", sa.Integer(), nullable=False),
        sa.Column("staged", sa.Integer(), nullable=False),
        sa.Column("open_staged", sa.Integer(), nullable=False),
        sa.Column("inserted", sa.Integer(), nullable=False),
        sa.Column("updated", sa.Integer(), nullable=False),
        sa.Column("reopened", sa.Integer(), nullable=False),
        sa.Column("resolved", sa.Integer(), nullable=False),
        sa.Column("unchanged", sa.Integer(), nullable=False),
        sa.Column("forecast", sa.JSON(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=True),
        sa.Column("undone_at", sa.BigInteger(), nullable=True),
        sa.Column("recognition", sa.JSON(), nullable=False),
        sa.Column("warnings", sa.JSON(), nullable=False),
        sa.Column("summary", sa.JSON(), nullable=False),
        sa.Column("digest", _text(64), nullable=True),
        sa.Column("fingerprint", _text(64), nullable=True),
        sa.Column("first_finding", sa.Integer(), nullable=True),
        sa.Column("last_finding", sa.Integer(), nullable=True),
        sa.Column("scan_date_from", _text(10), nullable=True),
        sa.Column("answered", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name="fk_imports_source_id_sources"),
        sa.PrimaryKeyConstraint("id", name="pk_imports"),
    )
    op.create_index("ix_imports_session_id", "imports", ["session_id"])
    op.create_index("ix_imports_source", "imports", ["source_id", "place"])
    op.create_index("ix_imports_state", "imports", ["state"])
    op.create_table(
        "rejects",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("column", _text(255), nullable=False),
        sa.Column("value", _text(), nullable=False),
        sa.Column("reason", _text(), nullable=False),
        sa.ForeignKeyConstraint(["import_id"], ["imports.id"], name="fk_rejects_import_id_imports", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_rejects"),
    )
    op.create_index("ix_rejects_import_id", "rejects", ["import_id"])
    op.create_table(
        "assets",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("key", _text(255), nullable=False),
        sa.Column("name", _text(255), nullable=True),
        sa.Column("fqdn", _text(255), nullable=True),
        sa.Column("netbios", _text(255), nullable=True),
        sa.Column("ip", _text(45), nullable=True),
        sa.Column("os", _text(255), nullable=True),
        sa.Column("last_seen", sa.Date(), nullable=True),
        sa.Column("details", _text(), nullable=True),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name="fk_assets_source_id_sources", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_assets"),
        sa.UniqueConstraint("source_id", "key", name="uq_assets_source_id_key"),
    )
    op.create_table(
        "asset_identifiers",
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("kind", _text(10), nullable=False),
        sa.Column("value", _text(255), nullable=False),
        sa.Column("realm", _text(255), nullable=False),
        sa.Column("asset_id", sa.Integer(), nullable=False),
        sa.Column("inherited", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["asset_id"], ["assets.id"], name="fk_asset_identifiers_asset_id_assets", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["source_id"], ["sources.id"], name="fk_asset_identifiers_source_id_sources", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("source_id", "kind", "value", "realm", "asset_id", name="pk_asset_identifiers"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_asset_identifiers_asset_id", "asset_identifiers", ["asset_id"])
    op.create_table(
        "definitions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("key", _text(255), nullable=False),
        sa.Column("title", _text(), nullable=False),
        sa.Column("family", _text(255), nullable=True),
        sa.Column("description", _text(), nullable=True),
        sa.Column("solution", _text(), nullable=True),
        sa.Column("see_also", _text(), nullable=True),
        sa.Column("cvss_vector", _text(255), nullable=True),
        sa.Column("cvss", sa.Double(), nullable=True),
        sa.Column("vpr", sa.Double(), nullable=True),
        sa.Column("epss", sa.Double(), nullable=True),
        sa.Column("published", sa.Date(), nullable=True),
        sa.Column("updated", sa.Date(), nullable=True),
        sa.Column("details", _text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["source_id"], ["sources.id"], name="fk_definitions_source_id_sources", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_definitions"),
        sa.UniqueConstraint("source_id", "key", name="uq_definitions_source_id_key"),
    )
    op.create_table(
        "definition_cves",
        sa.Column("definition_id", sa.Integer(), nullable=False),
        sa.Column("cve", _text(64), nullable=False),
        sa.ForeignKeyConstraint(
            ["definition_id"],
            ["definitions.id"],
            name="fk_definition_cves_definition_id_definitions",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("definition_id", "cve", name="pk_definition_cves"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_definition_cves_cve", "definition_cves", ["cve"])
    op.create_table(
        "sightings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(
            ["source_id"], ["sources.id"], name="fk_sightings_source_id_sources", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_sightings"),
    )
    op.create_index("ix_sightings_day", "sightings", ["source_id", "day"])
    op.create_table(
        "evidence",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.BigInteger(), nullable=False),
        sa.Column("text", _text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_evidence"),
    )
    op.create_index("ix_evidence_digest", "evidence", ["digest"])
    op.create_table(
        "findings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("asset_id", sa.Integer(), nullable=False),
        sa.Column("definition_id", sa.Integer(), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("protocol", _text(10), nullable=False),
        sa.Column("severity", sa.SmallInteger(), nullable=False),
        sa.Column("vpr", sa.Double(), nullable=True),
        sa.Column("cvss", sa.Double(), nullable=True),
        sa.Column("first_seen", sa.Date(), nullable=False),
        sa.Column("lifecycle", _text(10), nullable=False),
        sa.Column("resolved_on", sa.Date(), nullable=True),
        sa.Column("opened_by", sa.Integer(), nullable=True),
        sa.Column("grade", sa.SmallInteger(), sa.Computed(_GRADE, persisted=_is_postgresql()), nullable=False),
        sa.Column("sighting_id", sa.Integer(), nullable=True),
        sa.Column("evidence_id", sa.Integer(), nullable=True),
        *_references_of_findings(),
        sa.PrimaryKeyConstraint("id", name="pk_findings"),
        sa.UniqueConstraint("asset_id", "definition_id", "port", "protocol", name="uq_findings_identity"),
    )
    _index_of_lists("ix_findings_cvss", "source_id", "grade", "cvss")
    op.create_index("ix_findings_definition_id", "findings", ["definition_id"])
    _index_of_lists("ix_findings_first_seen", "source_id", "grade", "first_seen")
    op.create_index("ix_findings_port", "findings", ["port"])
    _index_of_lists("ix_findings_sighting", "sighting_id", "grade")
    _index_of_lists("ix_findings_vpr", "source_id", "grade", "vpr")
    op.create_table(
        "finding_changes",
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("finding_id", sa.Integer(), nullable=False),
        sa.Column("kind", _text(10), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("severity", sa.SmallInteger(), nullable=False),
        sa.Column("vpr", sa.Double(), nullable=True),
        sa.Column("cvss", sa.Double(), nullable=True),
        sa.Column("severity_before", sa.SmallInteger(), nullable=True),
        sa.Column("vpr_before", sa.Double(), nullable=True),
        sa.Column("cvss_before", sa.Double(), nullable=True),
        sa.Column("lifecycle_before", _text(10), nullable=True),
        sa.ForeignKeyConstraint(
            ["finding_id"], ["findings.id"], name="fk_finding_changes_finding_id_findings", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["import_id"], ["imports.id"], name="fk_finding_changes_import_id_imports", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("import_id", "finding_id", name="pk_finding_changes"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_finding_changes_finding_id", "finding_changes", ["finding_id"])
    op.create_table(
        "daily_totals",
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("severity", sa.SmallInteger(), nullable=False),
        sa.Column("open", sa.Integer(), nullable=False),
        sa.Column("vpr_sum", sa.Double(), nullable=False),
        sa.Column("opened", sa.Integer(), nullable=False),
        sa.Column("resolved", sa.Integer(), nullable=False),
        sa.Column("reopened", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["source_id"], ["sources.id"], name="fk_daily_totals_source_id_sources", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("source_id", "day", "severity", name="pk_daily_totals"),
    )
    op.create_table(
        "state_totals",
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("lifecycle", _text(10), nullable=False),
        sa.Column("severity", sa.SmallInteger(), nullable=False),
        sa.Column("findings", sa.Integer(), nullable=False),
        sa.Column("vpr_sum", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["source_id"], ["sources.id"], name="fk_state_totals_source_id_sources", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("source_id", "lifecycle", "severity", name="pk_state_totals"),
    )
    op.create_table(
        "asset_weights",
        sa.Column("asset_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("critical", sa.Integer(), nullable=False),
        sa.Column("high", sa.Integer(), nullable=False),
        sa.Column("medium", sa.Integer(), nullable=False),
        sa.Column("low", sa.Integer(), nullable=False),
        sa.Column("info", sa.Integer(), nullable=False),
        sa.Column("vpr_sum", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["asset_id"], ["assets.id"], name="fk_asset_weights_asset_id_assets", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("asset_id", name="pk_asset_weights"),
    )
    op.create_table(
        "definition_weights",
        sa.Column("definition_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("critical", sa.Integer(), nullable=False),
        sa.Column("high", sa.Integer(), nullable=False),
        sa.Column("medium", sa.Integer(), nullable=False),
        sa.Column("low", sa.Integer(), nullable=False),
        sa.Column("info", sa.Integer(), nullable=False),
        sa.Column("vpr_sum", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["definition_id"],
            ["definitions.id"],
            name="fk_definition_weights_definition_id_definitions",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("definition_id", name="pk_definition_weights"),
    )
    op.create_table(
        "saved_mappings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", _text(100), nullable=False),
        sa.Column("header", sa.JSON(), nullable=False),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("severity_scale", _text(20), nullable=False),
        sa.Column("day_first", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_saved_mappings"),
        sa.UniqueConstraint("name", name="uq_saved_mappings_name"),
    )


def _create_staging() -> None:
    op.create_table(
        "staging_assets",
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("key", _text(255), nullable=False),
        sa.Column("asset_id", sa.Integer(), nullable=True),
        sa.Column("name", _text(255), nullable=True),
        sa.Column("fqdn", _text(255), nullable=True),
        sa.Column("netbios", _text(255), nullable=True),
        sa.Column("ip", _text(45), nullable=True),
        sa.Column("os", _text(255), nullable=True),
        sa.Column("last_seen", sa.Date(), nullable=True),
        sa.Column("critical", sa.Integer(), nullable=False),
        sa.Column("high", sa.Integer(), nullable=False),
        sa.Column("medium", sa.Integer(), nullable=False),
        sa.Column("low", sa.Integer(), nullable=False),
        sa.Column("info", sa.Integer(), nullable=False),
        sa.Column("vpr_sum", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("import_id", "number", name="pk_staging_assets"),
        sqlite_with_rowid=False,
        prefixes=_unlogged(),
    )
    op.create_table(
        "staging_cves",
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("cve", _text(64), nullable=False),
        sa.PrimaryKeyConstraint("import_id", "number", "cve", name="pk_staging_cves"),
        sqlite_with_rowid=False,
        prefixes=_unlogged(),
    )
    op.create_table(
        "staging_definitions",
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("key", _text(255), nullable=False),
        sa.Column("definition_id", sa.Integer(), nullable=True),
        sa.Column("title", _text(), nullable=False),
        sa.Column("family", _text(255), nullable=True),
        sa.Column("description", _text(), nullable=True),
        sa.Column("solution", _text(), nullable=True),
        sa.Column("see_also", _text(), nullable=True),
        sa.Column("cvss_vector", _text(255), nullable=True),
        sa.Column("cvss", sa.Double(), nullable=True),
        sa.Column("vpr", sa.Double(), nullable=True),
        sa.Column("epss", sa.Double(), nullable=True),
        sa.Column("published", sa.Date(), nullable=True),
        sa.Column("updated", sa.Date(), nullable=True),
        sa.Column("critical", sa.Integer(), nullable=False),
        sa.Column("high", sa.Integer(), nullable=False),
        sa.Column("medium", sa.Integer(), nullable=False),
        sa.Column("low", sa.Integer(), nullable=False),
        sa.Column("info", sa.Integer(), nullable=False),
        sa.Column("vpr_sum", sa.Double(), nullable=False),
        sa.Column("titled", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.PrimaryKeyConstraint("import_id", "number", name="pk_staging_definitions"),
        sqlite_with_rowid=False,
        prefixes=_unlogged(),
    )
    op.create_table(
        "staging_details",
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("details", _text(), nullable=False),
        sa.PrimaryKeyConstraint("import_id", "number", "level", name="pk_staging_details"),
        sqlite_with_rowid=False,
        prefixes=_unlogged(),
    )
    op.create_table(
        "staging_evidence",
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("digest", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("import_id", "number", name="pk_staging_evidence"),
        sqlite_with_rowid=False,
        prefixes=_unlogged(),
    )
    op.create_table(
        "staging_findings",
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("asset_number", sa.Integer(), nullable=False),
        sa.Column("definition_number", sa.Integer(), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("observation_number", sa.Integer(), nullable=False),
        sa.Column("evidence_number", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("import_id", "number", name="pk_staging_findings"),
        sqlite_with_rowid=False,
        prefixes=_unlogged(),
    )
    op.create_table(
        "staging_identifiers",
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", _text(10), nullable=False),
        sa.Column("realm", _text(255), nullable=False),
        sa.Column("value", _text(255), nullable=False),
        sa.PrimaryKeyConstraint("import_id", "number", "kind", "realm", "value", name="pk_staging_identifiers"),
        sqlite_with_rowid=False,
        prefixes=_unlogged(),
    )
    op.create_table(
        "staging_observations",
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("protocol", _text(10), nullable=False),
        sa.Column("severity", sa.SmallInteger(), nullable=False),
        sa.Column("vpr", sa.Double(), nullable=True),
        sa.Column("cvss", sa.Double(), nullable=True),
        sa.Column("first_seen", sa.Date(), nullable=True),
        sa.Column("last_seen", sa.Date(), nullable=True),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("findings", sa.Integer(), nullable=False),
        sa.Column("sighting_id", sa.Integer(), nullable=True),
        sa.Column("resolved_on", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("import_id", "number", name="pk_staging_observations"),
        sqlite_with_rowid=False,
        prefixes=_unlogged(),
    )
    op.create_table(
        "staging_unchecked",
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("asset_number", sa.Integer(), nullable=True),
        sa.Column("definition_number", sa.Integer(), nullable=True),
        sa.Column("port", sa.Integer(), nullable=True),
        sa.Column("protocol", _text(10), nullable=True),
        sa.PrimaryKeyConstraint("import_id", "number", name="pk_staging_unchecked"),
        sqlite_with_rowid=False,
        prefixes=_unlogged(),
    )


def _create_undo() -> None:
    op.create_table(
        "undo_assets",
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("asset_id", sa.Integer(), nullable=False),
        sa.Column("name", _text(255), nullable=True),
        sa.Column("fqdn", _text(255), nullable=True),
        sa.Column("netbios", _text(255), nullable=True),
        sa.Column("ip", _text(45), nullable=True),
        sa.Column("os", _text(255), nullable=True),
        sa.Column("last_seen", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("import_id", "asset_id", name="pk_undo_assets"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "undo_cves",
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("definition_id", sa.Integer(), nullable=False),
        sa.Column("cve", _text(64), nullable=False),
        sa.Column("added", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("import_id", "definition_id", "cve", name="pk_undo_cves"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "undo_days",
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("sighting_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("import_id", "sighting_id", name="pk_undo_days"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "undo_definitions",
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("definition_id", sa.Integer(), nullable=False),
        sa.Column("title", _text(), nullable=False),
        sa.Column("family", _text(255), nullable=True),
        sa.Column("description", _text(), nullable=True),
        sa.Column("solution", _text(), nullable=True),
        sa.Column("see_also", _text(), nullable=True),
        sa.Column("cvss_vector", _text(255), nullable=True),
        sa.Column("cvss", sa.Double(), nullable=True),
        sa.Column("vpr", sa.Double(), nullable=True),
        sa.Column("epss", sa.Double(), nullable=True),
        sa.Column("published", sa.Date(), nullable=True),
        sa.Column("updated", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("import_id", "definition_id", name="pk_undo_definitions"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "undo_details",
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("subject_id", sa.Integer(), nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("details", _text(), nullable=True),
        sa.PrimaryKeyConstraint("import_id", "subject_id", "level", name="pk_undo_details"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "undo_evidence",
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("finding_id", sa.Integer(), nullable=False),
        sa.Column("evidence_id", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("import_id", "finding_id", name="pk_undo_evidence"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "undo_findings",
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("finding_id", sa.Integer(), nullable=False),
        sa.Column("first_seen", sa.Date(), nullable=True),
        sa.Column("severity", sa.SmallInteger(), nullable=True),
        sa.Column("vpr", sa.Double(), nullable=True),
        sa.Column("cvss", sa.Double(), nullable=True),
        sa.Column("lifecycle", _text(10), nullable=True),
        sa.Column("resolved_on", sa.Date(), nullable=True),
        sa.Column("port", sa.Integer(), nullable=True),
        sa.Column("protocol", _text(10), nullable=True),
        sa.PrimaryKeyConstraint("import_id", "finding_id", name="pk_undo_findings"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "undo_identifiers",
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("asset_id", sa.Integer(), nullable=False),
        sa.Column("kind", _text(10), nullable=False),
        sa.Column("value", _text(255), nullable=False),
        sa.Column("realm", _text(255), nullable=False),
        sa.Column("added", sa.Boolean(), nullable=False),
        sa.Column("inherited", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("import_id", "asset_id", "kind", "value", "realm", name="pk_undo_identifiers"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "undo_sightings",
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("block", sa.Integer(), nullable=False),
        sa.Column("sighting_id", sa.Integer(), nullable=False),
        sa.Column("findings", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("import_id", "block", "sighting_id", name="pk_undo_sightings"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "undo_totals",
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("severity", sa.SmallInteger(), nullable=False),
        sa.Column("open", sa.Integer(), nullable=True),
        sa.Column("vpr_sum", sa.Double(), nullable=True),
        sa.Column("opened", sa.Integer(), nullable=True),
        sa.Column("resolved", sa.Integer(), nullable=True),
        sa.Column("reopened", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("import_id", "day", "severity", name="pk_undo_totals"),
        sqlite_with_rowid=False,
    )


def _is_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _text(length: int | None = None) -> sa.types.TypeEngine[str]:
    """On PostgreSQL text is of any length, and compared byte by byte."""
    return sa.Text(collation="C") if _is_postgresql() else sa.String(length) if length else sa.Text()


def _unlogged() -> list[str]:
    """What is staged is short-lived: PostgreSQL leaves it out of its log."""
    return ["UNLOGGED"] if _is_postgresql() else []


def _references_of_findings() -> list[sa.ForeignKeyConstraint]:
    """What an import inserts is joined with what it refers to: PostgreSQL would look that up again, row by row."""
    if _is_postgresql():
        return []
    return [
        sa.ForeignKeyConstraint(["sighting_id"], ["sightings.id"], name="fk_findings_sighting_id_sightings"),
        sa.ForeignKeyConstraint(["asset_id"], ["assets.id"], name="fk_findings_asset_id_assets", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["definition_id"], ["definitions.id"], name="fk_findings_definition_id_definitions", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["source_id"], ["sources.id"], name="fk_findings_source_id_sources", ondelete="CASCADE"
        ),
    ]


def _index_of_lists(name: str, *columns: str) -> None:
    """What has no value comes first, and equals stand in the order of their ids: as SQLite has it by itself."""
    in_order: list[Any] = [sa.text(f"{column} NULLS FIRST") for column in (*columns, "id")]
    op.create_index(name, "findings", in_order if _is_postgresql() else list(columns))
