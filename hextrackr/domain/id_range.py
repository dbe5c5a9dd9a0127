"""The findings that an import put on record: those of a span of ids that name it.

New findings get ids above all that were there, so that the import's row tells where they begin and end. On PostgreSQL those of another
import may lie between them, and on SQLite an id comes again once it is free: so a finding names its import as well.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

_OF_IMPORT = "SELECT {} FROM imports WHERE id = :import_id"
#: SQL: a condition on one of the ``findings``, that the import with the parameter ``import_id`` put it on record.
ADDED = f"""
    findings.id >= ({_OF_IMPORT.format("first_finding")}) AND findings.id <= ({_OF_IMPORT.format("last_finding")})
    AND findings.opened_by = :import_id
"""
_NOTE = """
    UPDATE imports SET first_finding = (SELECT min(id) FROM findings WHERE id > :newest),
                       last_finding = (SELECT max(id) FROM findings WHERE id > :newest)
    WHERE id = :import_id
"""


def newest(connection: Connection) -> int:
    """The greatest id of a finding; 0 if there is none."""
    found: int = connection.execute(text("SELECT coalesce(max(id), 0) FROM findings")).scalar_one()
    return found


def note(connection: Connection, import_id: int, newest: int) -> None:
    """Let an import's row tell that it put on record what is newer than what was :func:`newest` before."""
    connection.execute(text(_NOTE), {"import_id": import_id, "newest": newest})
