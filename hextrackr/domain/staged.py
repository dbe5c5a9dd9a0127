"""A staged scan: what it is about, and SQL of what its findings say."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from .models import ImportMode
from .verdicts import FIXED


@dataclass(frozen=True)
class Places:
    """What a file says of where its findings are.

    :ivar ports: whether it has a column of ports, and ``protocols`` whether it names any protocol.
    :ivar no_ports: whether the file before of the same source had no ports, and ``no_protocols`` no protocols.
    """

    ports: bool = True
    protocols: bool = True
    no_ports: bool = False
    no_protocols: bool = False


@dataclass(frozen=True, kw_only=True)
class Scan:
    """A scan whose rows are staged under an import.

    :ivar day: the scan's date: when a finding was seen whose row does not say.
    :ivar staged: how many findings are staged, numbered up to that; ``open_staged`` of them are open.
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


#: Staged findings (``s``), each with its observation, which is what the scan says of it (``o``). Restrict ``s.import_id``.
OBSERVED = """
    staging_findings s
    JOIN staging_observations o ON o.import_id = s.import_id AND o.number = s.observation_number
"""
#: The same with the ids of its asset (``a``) and its definition (``d``), once these are on record.
LINKED = f"""
    {OBSERVED}
    JOIN staging_assets a ON a.import_id = s.import_id AND a.number = s.asset_number
    JOIN staging_definitions d ON d.import_id = s.import_id AND d.number = s.definition_number
"""
#: The same for what is in ``matched`` (``m``), see :mod:`.lifecycle`, where :data:`OF_MATCHED` holds. CROSS JOIN makes SQLite go
#: through ``matched`` once, in its order.
MATCHED = "matched m CROSS JOIN staging_findings s CROSS JOIN staging_observations o"
OF_MATCHED = """
    s.import_id = :import_id AND s.number = m.number AND o.import_id = s.import_id AND o.number = s.observation_number
"""

#: The scan says that the finding is there, or that it was there and is fixed: what is not on record yet is put there.
IS_KEPT = f"(o.state > 0 OR o.state = {FIXED})"
#: Since when it has been there: on the day of the scan if the row does not say. What is fixed was there before that.
FIRST_SEEN = f"""
    coalesce(o.first_seen, CASE WHEN o.state = {FIXED} AND (o.last_seen IS NULL OR o.resolved_on < o.last_seen) THEN o.resolved_on END,
             o.last_seen, :day)
"""
#: The same where the row is evidence that it was there: a check that found nothing is none.
SEEN_SINCE = f"CASE WHEN o.state > 0 THEN {FIRST_SEEN} WHEN o.state = {FIXED} THEN o.first_seen END"
#: When it was seen last. A row that does not say so saw it on the day of the scan, if it saw it at all.
LAST_SEEN = "CASE WHEN o.state > 0 THEN coalesce(o.last_seen, :day) WHEN o.state < 0 THEN o.last_seen END"
#: When it was fixed: on the day of the scan if the scanner does not say, and never before it was there.
FIXED_ON = (
    f"CASE WHEN coalesce(o.resolved_on, :day) < {FIRST_SEEN} THEN {FIRST_SEEN} ELSE coalesce(o.resolved_on, :day) END"
)
