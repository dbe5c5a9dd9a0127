"""Tenable.io before its Explore pages, and Tenable FedRAMP still: Nessus' columns, and what is known of the asset.

https://docs.tenable.com/tenableio/Content/Analysis/CSVVulnExportFields.htm
"""

from dataclasses import replace

from .format import FIXED, OPEN, RESURFACED, TENABLE_SEVERITIES, Format
from .nessus_pro import FIELDS, FINDING_DETAILS, HOST, HOST_DETAILS, VULNERABILITY_DETAILS

FORMAT = Format(
    key="tenable-io-legacy",
    name="Tenable.io (legacy export)",
    signature=(
        ("Plugin ID",),
        ("Name", "Plugin Name", "Synopsis", "Plugin Output"),
        ("Host", "Risk", "Severity", "IP Address", "FQDN"),
        ("Asset UUID", "Vulnerability State"),
        ("Asset UUID", "Vulnerability State", "CVSS3 Base Score"),
    ),
    essential={
        "the plugin": ("Plugin ID",),
        "the host": ("Asset UUID", *HOST),
        "the severity": FIELDS.severity,
    },
    fields=replace(
        FIELDS,
        asset_id=("Host", "Asset UUID"),
        state=("Vulnerability State", "State"),
        first_seen=("First Found", "First Seen"),
        last_seen=("Last Found", "Last Seen", "Host End", "Host Start"),
    ),
    severities=TENABLE_SEVERITIES,
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
