"""Save the details of hosts and vulnerabilities: further columns of a file, each a label and a text, stored as one JSON object.

A detail that a file leaves out never erases an earlier one, and a backdated scan only adds missing ones.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from hextrackr.db.dialects import merged_json

from .models import ASSET_LEVEL, DEFINITION_LEVEL

#: Each level with its table.
_SUBJECTS = ((ASSET_LEVEL, "assets"), (DEFINITION_LEVEL, "definitions"))


def promote(connection: Connection, import_id: int, *, backdated: bool = False) -> None:
    """Merge the staged details into those of their hosts and definitions, once these are linked."""
    for level, table in _SUBJECTS:
        column = f"{table[:-1]}_id"
        old, new = ("d.details", "t.details") if backdated else ("t.details", "d.details")
        merged, differs = merged_json(connection, old, new, before="t.details", other="d.details")
        for step in (
            # A new row without findings yet needs no undo log: an undo deletes it with its findings.
            f"""
            INSERT INTO undo_details (import_id, subject_id, level, details)
            SELECT :import_id, t.id, :level, t.details
            FROM staging_details d
            JOIN staging_{table} s ON s.import_id = d.import_id AND s.number = d.number
            JOIN {table} t ON t.id = s.{column}
            WHERE d.import_id = :import_id AND d.level = :level AND {differs}
              AND EXISTS (SELECT 1 FROM findings f WHERE f.{column} = t.id)
            ORDER BY t.id
            """,
            f"""
            UPDATE {table} AS t SET details = {merged}
            FROM staging_details d, staging_{table} s
            WHERE d.import_id = :import_id AND d.level = :level AND s.import_id = d.import_id AND s.number = d.number
              AND s.{column} = t.id AND {differs}
            """,
        ):
            connection.execute(text(step), {"import_id": import_id, "level": level})


def restore(connection: Connection, import_id: int) -> None:
    """Restore the details as they were before an import, to undo it."""
    for level, table in _SUBJECTS:
        connection.execute(
            text(f"""
            UPDATE {table} SET details = u.details
            FROM undo_details u WHERE u.import_id = :import_id AND u.level = :level AND u.subject_id = {table}.id
            """),
            {"import_id": import_id, "level": level},
        )
