"""A staged scan: its parameters, and SQL expressions over its findings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

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
