"""Promote staged assets and definitions: match them with the record, update them, insert new ones, and store the ids in their staged rows.

A value that a file leaves out never erases an earlier one, as users choose the columns of their exports. A backdated scan, older than the
newest one of its source, only adds missing rows and values.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from . import identity, undo
from .fields import HOST, VULNERABILITY, names
from .staged import IS_KEPT, OBSERVED


def promote_assets(connection: Connection, import_id: int, source_id: int, *, backdated: bool = False) -> None:
    """Promote the staged assets; afterwards ``host_links`` has the assets on record of each, see :mod:`.identity`."""
    identity.link(connection, import_id, source_id)
    newest = _upsert(connection, "assets", names(HOST), import_id, source_id, backdated)
    if backdated:
        identity.add_of_new(connection, import_id, source_id, newest)
    else:
        identity.update(connection, import_id, source_id, newest)


def promote_definitions(connection: Connection, import_id: int, source_id: int, *, backdated: bool = False) -> None:
    """Promote the staged definitions; one that comes with CVEs has exactly those afterwards."""
    link_definitions(connection, import_id, source_id)
    newest = _upsert(connection, "definitions", names(VULNERABILITY), import_id, source_id, backdated)
    if not backdated:
        undo.keep_cves(connection, import_id, newest)
    _replace_cves(connection, import_id, above=newest if backdated else 0, only_add=backdated)


def link_definitions(connection: Connection, import_id: int, source_id: int) -> None:
    """Note at each staged definition which one it is on record: that with the same key, which is the scanner's id of the check.

    A definition without an id has its title as its key. Then it is matched by title, if the title belongs to one definition on each side: a
    staged one without an id with any on record, one with an id only with one that has none.
    """
    ids = {"import_id": import_id, "source_id": source_id}
    connection.execute(
        text("""
        UPDATE staging_definitions SET definition_id = (
            SELECT k.id FROM definitions k WHERE k.source_id = :source_id AND k.key = staging_definitions.key)
        WHERE import_id = :import_id
        """),
        ids,
    )
    for has_no_id, title_on_record in (("titled", "title"), ("NOT titled", "key")):
        for step in (
            f"""
            CREATE TEMPORARY TABLE same_titles AS
            SELECT d.number, min(k.id) AS definition_id
            FROM (SELECT title, min(number) AS number FROM staging_definitions
                  WHERE import_id = :import_id AND definition_id IS NULL AND {has_no_id} GROUP BY title HAVING count(*) = 1) AS d
            JOIN definitions k ON k.source_id = :source_id AND k.{title_on_record} = d.title
            WHERE k.id NOT IN (
                SELECT definition_id FROM staging_definitions WHERE import_id = :import_id AND definition_id IS NOT NULL)
            GROUP BY d.number HAVING count(*) = 1
            """,
            """
            UPDATE staging_definitions SET definition_id = t.definition_id FROM same_titles t
            WHERE staging_definitions.import_id = :import_id AND staging_definitions.number = t.number
            """,
            "DROP TABLE same_titles",
        ):
            connection.execute(text(step), ids)


def _replace_cves(connection: Connection, import_id: int, *, above: int, only_add: bool) -> None:
    """Replace the CVEs of the definitions with ids above ``above`` by the staged ones."""
    staged = """
        FROM staging_definitions d JOIN staging_cves c ON c.import_id = d.import_id AND c.number = d.number
        WHERE d.import_id = :import_id AND d.definition_id > :above
    """
    if not only_add:
        connection.execute(
            text(f"""
            DELETE FROM definition_cves
            WHERE definition_id IN (SELECT d.definition_id {staged})
              AND (definition_id, cve) NOT IN (SELECT d.definition_id, c.cve {staged})
            """),
            {"import_id": import_id, "above": above},
        )
    connection.execute(
        text(f"""
        INSERT INTO definition_cves (definition_id, cve) SELECT d.definition_id, c.cve {staged} ON CONFLICT DO NOTHING
        """),
        {"import_id": import_id, "above": above},
    )


def _upsert(
    connection: Connection, table: str, values: tuple[str, ...], import_id: int, source_id: int, backdated: bool
) -> int:
    """Update the linked assets or definitions, insert the others, and return the greatest id before."""
    newest: int = connection.execute(text(f"SELECT coalesce(max(id), 0) FROM {table}")).scalar_one()
    if not backdated:
        _update(connection, table, values, import_id)
    _insert(connection, table, values, import_id, source_id, newest)
    return newest


def _update(connection: Connection, table: str, values: tuple[str, ...], import_id: int) -> None:
    # A definition without a title has its key as its title, which must not replace a real title.
    staged = {name: f"excluded.{name}" for name in values}
    if "title" in values:
        staged["title"] = "nullif(excluded.title, excluded.key)"
    differs = " OR ".join(
        f"({new} IS NOT NULL AND ({table}.{name} IS NULL OR {table}.{name} <> {new}))" for name, new in staged.items()
    )
    undo.keep_rows(connection, table, values, differs, import_id)
    connection.execute(
        text(f"""
        UPDATE {table} SET {", ".join(f"{name} = coalesce({new}, {table}.{name})" for name, new in staged.items())}
        FROM staging_{table} AS excluded
        WHERE excluded.import_id = :import_id AND excluded.{table[:-1]}_id = {table}.id AND ({differs})
        """),
        {"import_id": import_id},
    )


def _insert(
    connection: Connection, table: str, values: tuple[str, ...], import_id: int, source_id: int, newest: int
) -> None:
    """Insert the rows that are not linked, and store the ids in the staged rows.

    Rows that only belong to rejected rows, or to checks that found nothing, are not inserted.
    """
    own_id = f"{table[:-1]}_id"
    has_findings = f"""
        ((NOT EXISTS (SELECT 1 FROM staging_observations o WHERE import_id = :import_id AND NOT {IS_KEPT})
          AND NOT EXISTS (SELECT 1 FROM staging_unchecked WHERE import_id = :import_id))
         OR number IN (SELECT s.{table[:-1]}_number FROM {OBSERVED} WHERE s.import_id = :import_id AND {IS_KEPT}))
    """
    for step in (
        # If another host or definition has the key of a new one, a number is appended.
        f"""
        UPDATE staging_{table} SET key = substr(key, 1, 230) || ' #' || (:newest + number)
        WHERE import_id = :import_id AND {own_id} IS NULL
          AND EXISTS (SELECT 1 FROM {table} k WHERE k.source_id = :source_id AND k.key = staging_{table}.key)
        """,
        f"""
        INSERT INTO {table} (source_id, key, {", ".join(values)})
        SELECT :source_id, key, {", ".join(values)} FROM staging_{table} s
        WHERE import_id = :import_id AND {own_id} IS NULL AND {has_findings}
        ORDER BY number
        """,
        f"""
        UPDATE staging_{table} SET {own_id} = (
            SELECT k.id FROM {table} k WHERE k.source_id = :source_id AND k.key = staging_{table}.key AND k.id > :newest)
        WHERE import_id = :import_id AND {own_id} IS NULL
        """,
    ):
        connection.execute(text(step), {"import_id": import_id, "source_id": source_id, "newest": newest})
