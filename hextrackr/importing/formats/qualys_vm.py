"""Qualys VM: scan results and host-based scan reports, with the report's title and filters before the header.

``CVSS3 Base`` holds score and vector in one cell; dates are month/day/year; severities are 1 to 5. A row without a QID names a
host on which nothing was found. An ignored or disabled finding is still there, so it is open.
"""

from .format import FIXED, OPEN, RESURFACED, SEVERITY_WORDS, Fields, Format, details

HOST = ("IP", "DNS", "NetBIOS", "FQDN", "Host ID", "QG Host ID")

#: Qualys' 1 (minimal) to 5 (urgent).
SEVERITIES = {**SEVERITY_WORDS, "1": 0, "2": 1, "3": 2, "4": 3, "5": 4, "minimal": 0, "serious": 2}
STATES = {"new": OPEN, "active": OPEN, "re-opened": RESURFACED, "reopened": RESURFACED, "fixed": FIXED}
NULLS = ("'-", "-", "N/A", "null")

FORMAT = Format(
    key="qualys-vm",
    name="Qualys VM",
    signature=(("QID",), ("IP", "DNS", "IP Status", "Tracking Method", "Vuln Status"), ("Title", "Severity", "Type")),
    essential={
        "the QID": ("QID",),
        "the host": HOST,
        "the severity": ("Severity", "Severity Level"),
    },
    fields=Fields(
        asset_id=("QG Host ID", "Host ID", "Asset ID"),
        fqdn=("FQDN", "DNS"),
        netbios=("NetBIOS",),
        ip=("IP", "IP Address", "IPv6"),
        os=("OS", "Operating System"),
        plugin_id=("QID",),
        title=("Title",),
        cves=("CVE ID", "CVE", "CVE IDs"),
        advisories=("Vendor Reference", "Title"),
        family=("Category",),
        description=("Threat", "Impact"),
        solution=("Solution",),
        see_also=("Vendor Reference",),
        cvss_vector=("CVSS4 Base", "CVSS3.1 Base", "CVSS3 Base", "CVSS Base"),
        cvss=("CVSS4 Base", "CVSS3.1 Base", "CVSS3 Base", "CVSS3.1", "CVSS3", "CVSS Base", "CVSS"),
        published=("Published Date", "Published"),
        updated=("Last Service Modification Date", "Modified"),
        severity=("Severity", "Severity Level"),
        state=("Vuln Status", "Status"),
        port=("Port",),
        protocol=("Protocol",),
        first_seen=("First Detected", "First Found"),
        last_seen=("Last Detected", "Last Found"),
        evidence=("Results", "Result"),
    ),
    host_details=details(
        "Network",
        "Tracking Method",
        ("IP status", "IP Status"),
        ("OS CPE", "OS CPE"),
        ("Tags", "Associated Tags", "Asset Tags", "Tags"),
        ("Asset groups", "Associated Ags", "Asset Groups"),
        ("Host name in the cloud", "Cloud Resource ID"),
    ),
    vulnerability_details=details(
        "Type",
        "Impact",
        "Exploitability",
        ("Malware", "Associated Malware"),
        ("PCI", "PCI Vuln", "PCI"),
        ("Bugtraq ID", "Bugtraq ID"),
        ("CVSS v3 temporal", "CVSS3.1 Temporal", "CVSS3 Temporal"),
        ("CVSS v2 temporal", "CVSS Temporal"),
        ("CVSS environment", "CVSS3.1 Environment", "CVSS3 Environment", "CVSS Environment"),
        ("Patchable", "Patchable", "Vuln Patchable"),
    ),
    finding_details=details(
        "SSL",
        "Instance",
        "Service",
        ("Ticket state", "Ticket State"),
        ("Last fixed", "Date Last Fixed", "Last Fixed"),
        ("Last reopened", "Last Reopened"),
        "Disabled",
        "Ignored",
        ("QDS", "QDS"),
    ),
    severities=SEVERITIES,
    states=STATES,
    nulls=NULLS,
    markup=True,
    bare_rows=True,
)
