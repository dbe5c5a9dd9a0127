"""Tenable.io before its Explore pages, and Tenable FedRAMP still: Nessus' columns, and what is known of the asset.

What tells it from Nessus is one of two columns, or of the others, which Nessus has none of, two.
https://docs.tenable.com/tenableio/Content/Analysis/CSVVulnExportFields.htm
"""

from hextrackr.domain.verdicts import FIXED, OPEN, RESURFACED

from .format import FIRST_SEEN, LAST_SEEN, TENABLE_SEVERITIES, Format, columns_of
from .nessus_pro import FIELDS, FINDING_DETAILS, HOST, HOST_DETAILS, VULNERABILITY_DETAILS

FORMAT = Format(
    key="tenable-io-legacy",
    name="Tenable.io (legacy export)",
    signature=(
        ("Plugin ID",),
        (
            "Name",
            "Plugin Name",
            "Synopsis",
            "Plugin Output",
            "See Also",
            "Description",
            "Solution",
            "Risk",
            "Vulnerability State",
        ),
        ("Host", "Risk", "Severity", "IP Address", "FQDN"),
        ("Asset UUID", "Vulnerability State", "IP Address", "FQDN", "NetBios", "OS", "Plugin Family"),
        (
            "Asset UUID",
            "Vulnerability State",
            "System Type",
            "Host Start",
            "Host End",
            "CVSS Base Score",
            "CVSS Temporal Score",
            "CVSS Temporal Vector",
            "CVSS3 Base Score",
            "CVSS3 Temporal Score",
            "CVSS3 Temporal Vector",
            "CVSS3 Vector",
            "Vulnerability Priority Rating (VPR)",
            "Recast Reason",
        ),
    ),
    essential={
        "the plugin": ("Plugin ID",),
        "the host": ("Asset UUID", *HOST),
        "the severity": FIELDS["severity"],
    },
    fields=columns_of(
        FIELDS,
        asset_id=("Asset UUID",),
        state=("Vulnerability State", "State"),
        first_seen=("First Found", *FIRST_SEEN),
        last_seen=("Last Found", *LAST_SEEN, "Host End", "Host Start"),
        fixed_on=("Last Fixed", "Fixed On"),
    ),
    severities=TENABLE_SEVERITIES,
    scan_facts=("Plugin Output",),
    host_details=HOST_DETAILS,
    vulnerability_details=VULNERABILITY_DETAILS,
    finding_details=FINDING_DETAILS,
    states={
        "new": OPEN,
        "active": OPEN,
        "open": OPEN,
        "fixed": FIXED,
        "resurfaced": RESURFACED,
        "reopened": RESURFACED,
    },
)
