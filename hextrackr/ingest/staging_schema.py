"""The staging schema: the columns of the scanner-neutral rows of a file, and the counts of its rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from hextrackr.domain import fields
from hextrackr.domain.fields import names
from hextrackr.domain.models import WORST_FIRST

#: The open findings of a host or definition in a file: how many of each severity, and the sum of their VPR.
WEIGHT_COLUMNS = (*(severity.name.lower() for severity in WORST_FIRST), "vpr_sum")
#: The columns are in the order of the staging tables, after the import's id.
ASSET_COLUMNS = ("number", "key", *names(fields.HOST), *WEIGHT_COLUMNS)
IDENTIFIER_COLUMNS = ("number", "kind", "realm", "value")
DEFINITION_COLUMNS = ("number", "key", "titled", *names(fields.VULNERABILITY), *WEIGHT_COLUMNS)
CVE_COLUMNS = ("number", "cve")
#: Values that many findings have in common, and the number of those findings.
OBSERVATION_COLUMNS = (
    "number", "protocol", "severity", *names(fields.FINDING), "first_seen", "last_seen", "resolved_on", "state", "findings",
)  # fmt: skip
#: The hosts and findings of rejected rows, which were not checked; NULL means any.
UNCHECKED_COLUMNS = ("number", "asset_number", "definition_number", "port", "protocol")
FINDING_COLUMNS = ("number", "asset_number", "definition_number", "port", "observation_number", "evidence_number")
#: The texts of findings' evidence, and the details of hosts and definitions.
EVIDENCE_COLUMNS = ("number", "digest")
TEXT_COLUMNS = ("digest", "text")
DETAIL_COLUMNS = ("number", "level", "details")


@dataclass(frozen=True)
class Counts:
    """The counts of a file's rows. No row is lost silently: always ``rows == findings + merged + blank + rejected``.

    :ivar rows: the rows below the header, each once however many lines it has. Empty lines do not count, nor do the lines of a footer,
        which a warning names.
    :ivar findings: distinct findings by host, definition, port and protocol, whatever their state: open, fixed or passed.
    :ivar open: those of them that are open.
    :ivar merged: rows with the same finding as another row, such as the row for each CVE of a plugin.
    :ivar blank: rows without text, or without a finding according to the scanner.
    :ivar rejected: rows that are stored as rejects, with their lines and reasons.
    :ivar started: the newest day on which the scan began, from its own information.
    :ivar newest: the newest day on which a finding was seen or fixed, without a single host whose clock is wrong.
    """

    rows: int
    findings: int
    open: int
    merged: int
    blank: int
    rejected: int
    started: date | None
    newest: date | None
