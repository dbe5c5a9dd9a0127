"""The version of the record.

Every transaction that changes what a list could show increments it, in the same transaction. The columnar copy and all caches compare this
number and nothing else. The latest changes are logged as well, so that the copy can be updated with the changes of an import or an undo.
"""

from __future__ import annotations

import uuid

from sqlalchemy import Connection, text

#: Number of the latest changes in the log. A copy that is further behind copies the whole record: of imports that can no longer be undone
#: (:data:`.undo.DEPTH`) the changes are not logged.
CHANGES_KEPT = 4

#: SQL: the imports that one of these changes has undone. Their undo logs are kept as long.
UNDONE_IMPORTS = """
    SELECT i.id FROM record_changes c JOIN imports i ON i.id = c.import_id WHERE i.undone_at IS NOT NULL
"""


def increment(connection: Connection, import_id: int | None = None) -> None:
    """Increment the version of the record, at the end of a transaction, as others that do so on PostgreSQL wait for its end.

    :param import_id: the import whose promotion or undo is the only change of the transaction.
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
