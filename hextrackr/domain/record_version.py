"""Numbers the states of the record.

Every transaction that changes what a list could show raises the number, in the transaction itself. The copy that lists are read from, and
whatever else is derived from the record, goes by this number and by nothing else. What led to the latest numbers is kept as well, so that
the copy can be brought up to date by what an import or an undo changed.
"""

from __future__ import annotations

import uuid

from sqlalchemy import Connection, text

#: How many of the latest changes are kept. Whoever is further behind copies the whole record: of imports that cannot be undone any more
#: (:data:`.undo.DEPTH`) nothing tells what they changed.
CHANGES_KEPT = 4

#: SQL: the imports that one of these changes has undone. What they had changed is kept as long.
UNDONE_IMPORTS = """
    SELECT i.id FROM record_changes c JOIN imports i ON i.id = c.import_id WHERE i.undone_at IS NOT NULL
"""


def increment(connection: Connection, import_id: int | None = None) -> None:
    """Raise the version of the record, at the end of a transaction: on PostgreSQL others that do so wait until it has ended.

    :param import_id: the import whose promotion or undo is all that the transaction changes.
    """
    for step in (
        "UPDATE record_version SET version = version + 1, stamp = :stamp",
        "INSERT INTO record_changes (version, stamp, import_id) SELECT version, stamp, :import_id FROM record_version",
        "DELETE FROM record_changes WHERE version <= (SELECT version FROM record_version) - :changes_kept",
    ):
        parameters = {"stamp": uuid.uuid4().hex, "import_id": import_id, "changes_kept": CHANGES_KEPT}
        connection.execute(text(step), parameters)


def current(connection: Connection) -> int:
    """The version of the record."""
    return int(connection.execute(text("SELECT version FROM record_version")).scalar_one())
