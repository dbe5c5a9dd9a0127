"""Identifiers: what a host is known by stands in a table of its own, so that no single text decides who it is.

Existing assets get theirs from their columns, marked as inherited; the next import of their source completes them.

Revision: 1795600000, after: 1795560000
Created: 2026-11-29 16:50:00.000000
"""

import ipaddress
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "1795600000"
down_revision = "1795560000"
branch_labels = ()
depends_on = None

#: Rows of one INSERT.
_MANY = 5_000
_NO_NAME = {
    "", "-", "n/a", "na", "nil", "none", "null", "unknown", "undefined", "not available", "no name", "no hostname",
    "no registered hostname", "no dns name", "localhost", "localhost.localdomain",
}  # fmt: skip
_ASSETS = sa.text("SELECT id, source_id, key, name, fqdn, netbios, ip FROM assets ORDER BY id")


def upgrade() -> None:
    on_postgresql = op.get_bind().dialect.name == "postgresql"

    def words(length: int) -> Any:
        return sa.Text(collation="C") if on_postgresql else sa.String(length=length)

    identifiers = op.create_table(
        "asset_identifiers",
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("kind", words(10), nullable=False),
        sa.Column("value", words(255), nullable=False),
        sa.Column("realm", words(255), nullable=False),
        sa.Column("asset_id", sa.Integer(), nullable=False),
        sa.Column("inherited", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["asset_id"], ["assets.id"], name=op.f("fk_asset_identifiers_asset_id_assets"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["source_id"], ["sources.id"], name=op.f("fk_asset_identifiers_source_id_sources"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("source_id", "kind", "value", "realm", "asset_id", name=op.f("pk_asset_identifiers")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_asset_identifiers_asset_id", "asset_identifiers", ["asset_id"])
    _inherit(identifiers)
    op.create_table(
        "staging_identifiers",
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", words(10), nullable=False),
        sa.Column("realm", words(255), nullable=False),
        sa.Column("value", words(255), nullable=False),
        sa.PrimaryKeyConstraint("import_id", "number", "kind", "realm", "value", name=op.f("pk_staging_identifiers")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "staging_unchecked",
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("asset_number", sa.Integer(), nullable=True),
        sa.Column("definition_number", sa.Integer(), nullable=True),
        sa.Column("port", sa.Integer(), nullable=True),
        sa.Column("protocol", words(10), nullable=True),
        sa.PrimaryKeyConstraint("import_id", "number", name=op.f("pk_staging_unchecked")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "undo_identifiers",
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("asset_id", sa.Integer(), nullable=False),
        sa.Column("kind", words(10), nullable=False),
        sa.Column("value", words(255), nullable=False),
        sa.Column("realm", words(255), nullable=False),
        sa.Column("added", sa.Boolean(), nullable=False),
        sa.Column("inherited", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("import_id", "asset_id", "kind", "value", "realm", name=op.f("pk_undo_identifiers")),
        sqlite_with_rowid=False,
    )
    if on_postgresql:
        for table in ("staging_identifiers", "staging_unchecked"):
            op.execute(f"ALTER TABLE {table} SET UNLOGGED")
    op.add_column("staging_definitions", sa.Column("titled", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("undo_findings", sa.Column("port", sa.Integer(), nullable=True))
    op.add_column("undo_findings", sa.Column("protocol", words(10), nullable=True))
    # What is staged has no identifiers, and old numbers for states: such an import begins again.
    op.execute("""
        UPDATE imports SET state = 'queued', owner = '', lease_until = 0
        WHERE state IN ('reading', 'staging', 'promoting', 'awaiting-confirmation')
    """)


def downgrade() -> None:
    op.drop_column("undo_findings", "protocol")
    op.drop_column("undo_findings", "port")
    op.drop_column("staging_definitions", "titled")
    for table in ("undo_identifiers", "staging_unchecked", "staging_identifiers", "asset_identifiers"):
        op.drop_table(table)


def _inherit(identifiers: sa.Table) -> None:
    connection = op.get_bind()
    rows: list[dict[str, Any]] = []
    for asset in connection.execute(_ASSETS).all():
        same = {"source_id": asset.source_id, "asset_id": asset.id, "realm": "", "inherited": True}
        rows += [{**same, "kind": kind, "value": value} for kind, value in sorted(set(_known_by(asset)))]
        if len(rows) >= _MANY:
            connection.execute(identifiers.insert(), rows)
            rows = []
    if rows:
        connection.execute(identifiers.insert(), rows)


def _known_by(asset: Any) -> Iterator[tuple[str, str]]:
    """The identifiers of an asset: a key that is none of its names and not its address was the scanner's own id."""
    netbios = [part.rpartition("\\")[2] for part in (asset.netbios or "").replace(";", ",").split(",")]
    texts = [asset.name or "", asset.fqdn or "", *netbios, asset.ip or ""]
    for text in texts:
        spelled = text.strip().lower().rstrip(".")
        address = _address(spelled)
        if address is not None:
            yield "address", address
        elif spelled not in _NO_NAME:
            yield "name", spelled
    whole = {text.strip().lower() for text in (*texts, asset.netbios or "")}
    if asset.key not in whole and asset.key not in _NO_NAME:
        yield "id", asset.key


def _address(text: str) -> str | None:
    try:
        parts = ".".join(str(int(part)) for part in text.split(".")) if text.replace(".", "").isdigit() else text
        found = ipaddress.ip_address(parts.split("%")[0].strip("[]"))
    except ValueError:
        return None
    return str(getattr(found, "ipv4_mapped", None) or found)
