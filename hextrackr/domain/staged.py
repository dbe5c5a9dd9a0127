"""A staged scan: its parameters, SQL expressions over its findings, and whether all of it is there.

A crash of PostgreSQL empties its unlogged tables, and with them the staged rows, but not the import's row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, text

from hextrackr.db.dialects import is_postgresql
from hextrackr.errors import DatabaseUnavailable

from .models import ImportMode
from .verdicts import FIXED


@dataclass(frozen=True)
class Places:
    """Whether a file, and the previous one of its source, have ports and protocols.

    :ivar ports: the file has a column of ports; ``protocols``: it names a protocol.
    :ivar no_ports: the previous file of the same source had no ports; ``no_protocols``: no protocols.
    """

    ports: bool = True
    protocols: bool = True
    no_ports: bool = False
    no_protocols: bool = False


@dataclass(frozen=True, kw_only=True)
class Scan:
    """A scan whose rows are staged under an import.

    :ivar day: the scan's date, on which findings without a day of their own were seen.
    :ivar staged: the number of staged findings, which is also the greatest number of one; ``open_staged`` of them are open.
    """

    import_id: int
    source_id: int
    day: date
    mode: ImportMode
    staged: int
    open_staged: int
    places: Places = Places()

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of statements about it."""
        return {"import_id": self.import_id, "source_id": self.source_id, "day": self.day}


#: Staged findings (``s``), each with its observation (``o``). Restrict ``s.import_id``.
OBSERVED = """
    staging_findings s
    JOIN staging_observations o ON o.import_id = s.import_id AND o.number = s.observation_number
"""
#: The same with the ids of the asset (``a``) and the definition (``d``), once these are promoted.
LINKED = f"""
    {OBSERVED}
    JOIN staging_assets a ON a.import_id = s.import_id AND a.number = s.asset_number
    JOIN staging_definitions d ON d.import_id = s.import_id AND d.number = s.definition_number
"""
#: The same for the findings in ``matched`` (``m``), see :mod:`.lifecycle`, with the condition :data:`OF_MATCHED`. CROSS JOIN makes SQLite
#: read ``matched`` once, in its order.
MATCHED = "matched m CROSS JOIN staging_findings s CROSS JOIN staging_observations o"
OF_MATCHED = """
    s.import_id = :import_id AND s.number = m.number AND o.import_id = s.import_id AND o.number = s.observation_number
"""

#: The scan reports the finding as open or fixed, so it is added if it is new.
IS_KEPT = f"(o.state > 0 OR o.state = {FIXED})"
#: When it was first seen: on the day of the scan if the row has no day. A fixed finding existed before its fix.
FIRST_SEEN = f"""
    coalesce(o.first_seen, CASE WHEN o.state = {FIXED} AND (o.last_seen IS NULL OR o.resolved_on < o.last_seen) THEN o.resolved_on END,
             o.last_seen, :day)
"""
#: The same if the row proves that the finding existed; a check that found nothing does not.
SEEN_SINCE = f"CASE WHEN o.state > 0 THEN {FIRST_SEEN} WHEN o.state = {FIXED} THEN o.first_seen END"
#: When it was last seen: on the day of the scan if the row has no day, and reports it as open.
LAST_SEEN = "CASE WHEN o.state > 0 THEN coalesce(o.last_seen, :day) WHEN o.state < 0 THEN o.last_seen END"
#: When it was fixed: on the day of the scan if the row has no day, and never before it was first seen.
FIXED_ON = (
    f"CASE WHEN coalesce(o.resolved_on, :day) < {FIRST_SEEN} THEN {FIRST_SEEN} ELSE coalesce(o.resolved_on, :day) END"
)


def is_whole(connection: Connection, import_id: int, staged: int) -> bool:
    """Whether the staged rows of an import are still there; as a crash empties all staging tables, one of them is checked."""
    return _has_rows(connection, "staging_findings", import_id, staged)


def require_whole(connection: Connection, import_id: int, counts: Mapping[str, int]) -> None:
    """Check that each staging table has the number of rows that were loaded.

    :raises DatabaseUnavailable: one does not.
    """
    if not all(_has_rows(connection, table, import_id, count) for table, count in counts.items()):
        raise DatabaseUnavailable("The database has lost the staged rows in a restart; please try again.")


def _has_rows(connection: Connection, table: str, import_id: int, count: int) -> bool:
    if not is_postgresql(connection):
        return True
    counted = text(f"SELECT count(*) FROM {table} WHERE import_id = :import_id")
    return bool(connection.execute(counted, {"import_id": import_id}).scalar_one() == count)
