"""Promotes staged assets and definitions: finds them on record, updates them, adds the new ones, and gives their staged rows the ids.

What a file leaves out never erases what an earlier one said: users choose the columns of their exports. A backdated scan, older than
the newest one of its source, only adds what nobody knows yet.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from . import identity, undo
from .fields import HOST, VULNERABILITY, names
from .staged import IS_KEPT, OBSERVED


def promote_assets(connection: Connection, import_id: int, source_id: int, *, backdated: bool = False) -> None:
    """Promote the staged assets; ``host_links`` says afterwards which assets on record they are, see :mod:`.identity`."""
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

    Where one side has no id its key is its title: then it is the one with the same title, if that means one definition on each side. The
    title of a staged one without an id may be that of any on record; one with an id may be one that has none there.
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
    """Give the definitions with ids above ``above`` the CVEs that are staged for them."""
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
    """Update the assets or definitions that are linked, add those that are not, and return the greatest id there was before."""
    newest: int = connection.execute(text(f"SELECT coalesce(max(id), 0) FROM {table}")).scalar_one()
    if not backdated:
        _update(connection, table, values, import_id)
    _insert(connection, table, values, import_id, source_id, newest)
    return newest


def _update(connection: Connection, table: str, values: tuple[str, ...], import_id: int) -> None:
    # A definition without a title is shown by its key, which is no title that a file has given it.
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
    """Add what is not linked, and give the staged rows the ids.

    Not put on record is what only has rejected rows, or checks that found nothing.
    """
    own_id = f"{table[:-1]}_id"
    has_findings = f"""
        ((NOT EXISTS (SELECT 1 FROM staging_observations o WHERE import_id = :import_id AND NOT {IS_KEPT})
          AND NOT EXISTS (SELECT 1 FROM staging_unchecked WHERE import_id = :import_id))
         OR number IN (SELECT s.{table[:-1]}_number FROM {OBSERVED} WHERE s.import_id = :import_id AND {IS_KEPT}))
    """
    for step in (
        # Another host or definition may have the key of a new one: then a number behind it tells them apart.
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
