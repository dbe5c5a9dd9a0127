"""Nessus / Tenable Web App Scanning: Nessus' columns with ``CVSSv3``, severities in lower case, ports often empty."""

from .format import TENABLE_SEVERITIES, Format
from .nessus_pro import FIELDS, FINDING_DETAILS, HOST, HOST_DETAILS, VULNERABILITY_DETAILS
from .nessus_pro import FORMAT as NESSUS

FORMAT = Format(
    key="nessus-was",
    name="Nessus Web App Scanning",
    signature=(*NESSUS.signature, ("CVSSv3",)),
    essential={
        "the plugin": ("Plugin ID",),
        "the host": HOST,
        "the severity": FIELDS["severity"],
    },
    fields=FIELDS,
    severities=TENABLE_SEVERITIES,
    scan_facts=("Plugin Output",),
    host_details=HOST_DETAILS,
    vulnerability_details=VULNERABILITY_DETAILS,
    finding_details=FINDING_DETAILS,
)
