"""Promotes staged assets and definitions: upserts them and gives their staged rows the ids of the final ones.

What a file leaves out never erases what an earlier one said: users choose the columns of their exports. A ``late`` scan, older than
the newest one of its source, only adds what nobody knows yet.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from . import journal
from .staged import OBSERVED

ASSET_VALUES = ("name", "fqdn", "netbios", "ip", "os", "last_seen")
DEFINITION_VALUES = (
    "title", "family", "description", "solution", "see_also", "cvss_vector", "cvss", "vpr", "epss", "published", "updated",
)  # fmt: skip

#: A host or definition of which a file says only that tests found nothing is not taken on record, but brought up to date if it is.
_WORTH = """
    (NOT EXISTS (SELECT 1 FROM staging_observations WHERE import_id = :import_id AND state < 0)
     OR number IN (SELECT s.{column}_number FROM {observed} WHERE s.import_id = :import_id AND o.state >= 0)
     OR EXISTS (SELECT 1 FROM {table} k WHERE k.source_id = :source_id AND k.key = s.key))
"""


def promote_assets(connection: Connection, import_id: int, source_id: int, *, late: bool = False) -> None:
    """Upsert the staged assets."""
    _upsert(connection, "assets", ASSET_VALUES, import_id, source_id, late)
    _link(connection, "staging_assets", "assets", "asset_id", import_id, source_id)


def promote_definitions(connection: Connection, import_id: int, source_id: int, *, late: bool = False) -> None:
    """Upsert the staged definitions; one that comes with CVEs has exactly those afterwards."""
    newest = connection.execute(text("SELECT coalesce(max(id), 0) FROM definitions")).scalar_one()
    _upsert(connection, "definitions", DEFINITION_VALUES, import_id, source_id, late)
    _link(connection, "staging_definitions", "definitions", "definition_id", import_id, source_id)
    ids = {"import_id": import_id, "known": newest if late else 0}
    staged = """
        FROM staging_definitions d JOIN staging_cves c ON c.import_id = d.import_id AND c.number = d.number
        WHERE d.import_id = :import_id AND d.definition_id > :known
    """
    if not late:
        journal.keep_cves(connection, import_id, newest)
        connection.execute(
            text(f"""
            DELETE FROM definition_cves
            WHERE definition_id IN (SELECT d.definition_id {staged})
              AND (definition_id, cve) NOT IN (SELECT d.definition_id, c.cve {staged})
            """),
            ids,
        )
    connection.execute(
        text(f"""
        INSERT INTO definition_cves (definition_id, cve) SELECT d.definition_id, c.cve {staged} ON CONFLICT DO NOTHING
        """),
        ids,
    )


def _upsert(
    connection: Connection, table: str, values: tuple[str, ...], import_id: int, source_id: int, late: bool
) -> None:
    names = ", ".join(values)
    differs = " OR ".join(
        f"(excluded.{name} IS NOT NULL AND ({table}.{name} IS NULL OR {table}.{name} <> excluded.{name}))"
        for name in values
    )
    kept = ", ".join(f"{name} = coalesce(excluded.{name}, {table}.{name})" for name in values)
    worth = _WORTH.format(table=table, column=table[:-1], observed=OBSERVED)
    if not late:
        journal.keep_rows(connection, table, values, differs, import_id, source_id)
    connection.execute(
        text(f"""
        INSERT INTO {table} (source_id, key, {names})
        SELECT :source_id, key, {names} FROM staging_{table} s WHERE import_id = :import_id AND {worth}
        ORDER BY number
        ON CONFLICT (source_id, key) DO {"NOTHING" if late else f"UPDATE SET {kept} WHERE {differs}"}
        """),
        {"import_id": import_id, "source_id": source_id},
    )


def _link(connection: Connection, staged: str, table: str, column: str, import_id: int, source_id: int) -> None:
    connection.execute(
        text(f"""
        UPDATE {staged} SET {column} = (
            SELECT f.id FROM {table} f WHERE f.source_id = :source_id AND f.key = {staged}.key
        ) WHERE import_id = :import_id
        """),
        {"import_id": import_id, "source_id": source_id},
    )
