"""Promotes staged assets and definitions: finds them on record, updates them, adds the new ones, and gives their staged rows the ids.

What a file leaves out never erases what an earlier one said: users choose the columns of their exports. A ``late`` scan, older than
the newest one of its source, only adds what nobody knows yet.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from . import identity, undo_log
from .fields import HOST, VULNERABILITY, names
from .staged_sql import IS_KEPT, OBSERVED

#: A host or definition of which a file says only that tests found nothing, or of which it has rejected rows alone, is not taken on record,
#: but brought up to date if it is.
_WORTH = f"""
    ((NOT EXISTS (SELECT 1 FROM staging_observations o WHERE import_id = :import_id AND NOT {IS_KEPT})
      AND NOT EXISTS (SELECT 1 FROM staging_unchecked WHERE import_id = :import_id))
     OR number IN (SELECT s.{{name}}_number FROM {OBSERVED} WHERE s.import_id = :import_id AND {IS_KEPT}))
"""
_UPDATE = """
    UPDATE {table} SET {kept} FROM staging_{table} AS excluded
    WHERE excluded.import_id = :import_id AND excluded.{name}_id = {table}.id AND ({differs})
"""
#: Another host or definition may have the key of a new one: then a number behind it tells them apart.
_FREE_KEYS = """
    UPDATE staging_{table} SET key = substr(key, 1, 230) || ' #' || (:newest + number)
    WHERE import_id = :import_id AND {name}_id IS NULL
      AND EXISTS (SELECT 1 FROM {table} k WHERE k.source_id = :source_id AND k.key = staging_{table}.key)
"""
_INSERT = """
    INSERT INTO {table} (source_id, key, {names})
    SELECT :source_id, key, {names} FROM staging_{table} s WHERE import_id = :import_id AND {name}_id IS NULL AND {worth}
    ORDER BY number
"""
_LINK_NEW = """
    UPDATE staging_{table} SET {name}_id = (
        SELECT k.id FROM {table} k WHERE k.source_id = :source_id AND k.key = staging_{table}.key AND k.id > :newest)
    WHERE import_id = :import_id AND {name}_id IS NULL
"""
_SAME_KEY = """
    UPDATE staging_definitions SET definition_id = (
        SELECT k.id FROM definitions k WHERE k.source_id = :source_id AND k.key = staging_definitions.key)
    WHERE import_id = :import_id
"""
#: Where one side has no id of the check, it is known by its title: the same title, if it means one definition on each side. ``{theirs}`` is
#: compared with that: the title of any on record, or the key of one that has no id there.
_SAME_TITLE = """
    CREATE TEMPORARY TABLE same_titles AS
    SELECT d.number, min(k.id) AS definition_id
    FROM (SELECT title, min(number) AS number FROM staging_definitions
          WHERE import_id = :import_id AND definition_id IS NULL AND {which} GROUP BY title HAVING count(*) = 1) AS d
    JOIN definitions k ON k.source_id = :source_id AND k.{theirs} = d.title
    WHERE k.id NOT IN (SELECT definition_id FROM staging_definitions WHERE import_id = :import_id AND definition_id IS NOT NULL)
    GROUP BY d.number HAVING count(*) = 1
"""
_LINK_TITLES = """
    UPDATE staging_definitions SET definition_id = t.definition_id FROM same_titles t
    WHERE staging_definitions.import_id = :import_id AND staging_definitions.number = t.number
"""


def promote_assets(connection: Connection, import_id: int, source_id: int, *, late: bool = False) -> None:
    """Promote the staged assets; ``host_links`` says afterwards which assets on record they are, see :mod:`.identity`."""
    identity.link(connection, import_id, source_id)
    newest = _upsert(connection, "assets", names(HOST), import_id, source_id, late)
    if late:
        identity.keep_of_new(connection, import_id, source_id, newest)
    else:
        identity.keep(connection, import_id, source_id, newest)


def promote_definitions(connection: Connection, import_id: int, source_id: int, *, late: bool = False) -> None:
    """Promote the staged definitions; one that comes with CVEs has exactly those afterwards."""
    parameters = {"import_id": import_id, "source_id": source_id}
    connection.execute(text(_SAME_KEY), parameters)
    for which, theirs in (("titled", "title"), ("NOT titled", "key")):
        for step in (_SAME_TITLE.format(which=which, theirs=theirs), _LINK_TITLES, "DROP TABLE same_titles"):
            connection.execute(text(step), parameters)
    newest = _upsert(connection, "definitions", names(VULNERABILITY), import_id, source_id, late)
    ids = {"import_id": import_id, "known": newest if late else 0}
    staged = """
        FROM staging_definitions d JOIN staging_cves c ON c.import_id = d.import_id AND c.number = d.number
        WHERE d.import_id = :import_id AND d.definition_id > :known
    """
    if not late:
        undo_log.keep_cves(connection, import_id, newest)
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
) -> int:
    """Update what is linked, add what is not, and return the greatest id there was before."""
    newest: int = connection.execute(text(f"SELECT coalesce(max(id), 0) FROM {table}")).scalar_one()
    # A definition without a title is shown by its key, which is no title that a file has told.
    told = {name: f"excluded.{name}" for name in values} | (
        {"title": "nullif(excluded.title, excluded.key)"} if "title" in values else {}
    )
    differs = " OR ".join(
        f"({new} IS NOT NULL AND ({table}.{name} IS NULL OR {table}.{name} <> {new}))" for name, new in told.items()
    )
    kept = ", ".join(f"{name} = coalesce({new}, {table}.{name})" for name, new in told.items())
    parts = {"table": table, "name": table[:-1], "names": ", ".join(values), "kept": kept, "differs": differs}
    parts["worth"] = _WORTH.format(name=table[:-1])
    if not late:
        undo_log.keep_rows(connection, table, values, differs, import_id, source_id)
    for step in (*(() if late else (_UPDATE,)), _FREE_KEYS, _INSERT, _LINK_NEW):
        ids = {"import_id": import_id, "source_id": source_id, "newest": newest}
        connection.execute(text(step.format(**parts)), ids)
    return newest
