"""What a staged finding says, as SQL that the promotion's statements are made of."""

from __future__ import annotations

from .verdicts import FIXED

#: Staged findings by their number (``s``), each with what it says (``o``); restrict ``s.import_id``.
OBSERVED = """
    staging_findings s
    JOIN staging_observations o ON o.import_id = s.import_id AND o.number = s.observation_number
"""
#: What the outcomes in ``matched`` (``m``) rest on, where :data:`OF_OUTCOMES` holds; CROSS JOIN keeps the order, in which ``matched`` is
#: looked through once.
OUTCOMES = "matched m CROSS JOIN staging_findings s CROSS JOIN staging_observations o"
OF_OUTCOMES = """
    s.import_id = :import_id AND s.number = m.number AND o.import_id = s.import_id AND o.number = s.observation_number
"""
#: The same with the ids of its asset (``a``) and its definition (``d``), once they are linked.
LINKED = f"""
    {OBSERVED}
    JOIN staging_assets a ON a.import_id = s.import_id AND a.number = s.asset_number
    JOIN staging_definitions d ON d.import_id = s.import_id AND d.number = s.definition_number
"""
#: What is said of a finding that is new on record when it comes: that it is there, or that it was and is fixed.
IS_KEPT = f"(o.state > 0 OR o.state = {FIXED})"
#: Since when a finding has been there, and when it was seen last: on the day of the scan if it does not say. One that was fixed was there
#: before, whenever its row was seen.
OPENED = f"""
    coalesce(o.first_seen, CASE WHEN o.state = {FIXED} AND (o.last_seen IS NULL OR o.resolved_on < o.last_seen) THEN o.resolved_on END,
             o.last_seen, :day)
"""
#: The same, if the row is evidence that it was there: a test that found nothing is none.
THERE_SINCE = f"CASE WHEN o.state > 0 THEN {OPENED} WHEN o.state = {FIXED} THEN o.first_seen END"
#: When a finding was fixed that the scanner says is: on the day of the scan if it does not say, and never before it was there.
FIXED_ON = f"""
    CASE WHEN coalesce(o.resolved_on, :day) < {OPENED} THEN {OPENED} ELSE coalesce(o.resolved_on, :day) END
"""
SEEN = "CASE WHEN o.state > 0 THEN coalesce(o.last_seen, :day) WHEN o.state < 0 THEN o.last_seen END"
