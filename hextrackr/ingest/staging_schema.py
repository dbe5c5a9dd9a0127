"""The scanner-neutral records that a file is turned into, and how many of which it holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from hextrackr.domain import fields
from hextrackr.domain.fields import names
from hextrackr.domain.models import WORST_FIRST

#: What is open of something in a file: how many findings of each severity, and the sum of their VPR.
WEIGHT_COLUMNS = (*(severity.name.lower() for severity in WORST_FIRST), "vpr_sum")
#: The order of the columns is that of the staging tables, after the import's id.
ASSET_COLUMNS = ("number", "key", *names(fields.HOST), *WEIGHT_COLUMNS)
IDENTIFIER_COLUMNS = ("number", "kind", "realm", "value")
DEFINITION_COLUMNS = ("number", "key", "titled", *names(fields.VULNERABILITY), *WEIGHT_COLUMNS)
CVE_COLUMNS = ("number", "cve")
#: What many findings have in common, and how many of them.
OBSERVATION_COLUMNS = (
    "number", "protocol", "severity", *names(fields.FINDING), "first_seen", "last_seen", "resolved_on", "state", "findings",
)  # fmt: skip
#: What rejected rows are about, and nothing was learned of; None stands for any.
UNCHECKED_COLUMNS = ("number", "asset_number", "definition_number", "port", "protocol")
FINDING_COLUMNS = ("number", "asset_number", "definition_number", "port", "observation_number", "evidence_number")
#: The texts that findings have as their evidence, and what else is known of hosts and definitions.
EVIDENCE_COLUMNS = ("number", "digest")
TEXT_COLUMNS = ("digest", "text")
DETAIL_COLUMNS = ("number", "level", "details")


@dataclass(frozen=True)
class Counts:
    """What a file holds. Nothing is lost in silence: ``rows == findings + merged + blank + rejected``, always.

    :ivar rows: the rows below the header, each record once however many lines it has. Empty lines are none, and neither are the
        lines of a footer, which a warning tells of.
    :ivar findings: distinct findings by host, definition, port and protocol, whatever their state: open, fixed or passed.
    :ivar open: those of them that are open.
    :ivar merged: rows that say again what another row says, such as the row for each CVE of a plugin.
    :ivar blank: rows without text, or of which the scanner says that they hold no finding.
    :ivar rejected: rows that are kept as rejects, with their lines and reasons.
    :ivar started: the newest day on which the scan began, by what it says of itself.
    :ivar newest: the newest day on which a finding was seen, or found to be fixed, but for that of one host's wrong clock.
    """

    rows: int
    findings: int
    open: int
    merged: int
    blank: int
    rejected: int
    started: date | None
    newest: date | None
