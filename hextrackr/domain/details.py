"""Saves what else a file says of hosts and of vulnerabilities: a label and a text each, kept as one JSON object.

What a file leaves out never erases what an earlier one said, and a backdated scan only adds what is not known yet.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from hextrackr.db.dialects import merged_json

from .models import ASSET_LEVEL, DEFINITION_LEVEL

_SUBJECTS = ((ASSET_LEVEL, "assets", "asset_id"), (DEFINITION_LEVEL, "definitions", "definition_id"))
_STAGED = """
    staging_details d
    JOIN staging_{table} s ON s.import_id = d.import_id AND s.number = d.number
    JOIN {table} t ON t.id = s.{column}
"""
_OF_IMPORT = "d.import_id = :import_id AND d.level = {level}"
#: What is new needs none: it goes with its findings, of which it has none yet.
_KEEP = """
    INSERT INTO undo_details (import_id, subject_id, level, details)
    SELECT :import_id, t.id, {level}, t.details FROM {staged}
    WHERE {of_import} AND {differs} AND EXISTS (SELECT 1 FROM findings f WHERE f.{column} = t.id) ORDER BY t.id
"""
_WRITE = """
    UPDATE {table} AS t SET details = {merged}
    FROM staging_details d, staging_{table} s
    WHERE {of_import} AND s.import_id = d.import_id AND s.number = d.number AND s.{column} = t.id AND {differs}
"""
#: Puts back what was there before an import.
RESTORE = tuple(
    f"""
    UPDATE {table} SET details = u.details
    FROM undo_details u WHERE u.import_id = :import_id AND u.level = {level} AND u.subject_id = {table}.id
    """
    for level, table, _ in _SUBJECTS
)


def promote(connection: Connection, import_id: int, *, late: bool = False) -> None:
    """Add the staged details to those of their hosts and definitions, once these are linked."""
    for level, table, column in _SUBJECTS:
        old, new = ("d.details", "t.details") if late else ("t.details", "d.details")
        merged, differs = merged_json(connection, old, new, before="t.details", other="d.details")
        parts = {"level": level, "table": table, "column": column, "merged": merged, "differs": differs}
        parts |= {"staged": _STAGED.format(**parts), "of_import": _OF_IMPORT.format(**parts)}
        for step in (_KEEP, _WRITE):
            connection.execute(text(step.format(**parts)), {"import_id": import_id})
