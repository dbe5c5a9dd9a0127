"""Qualys VM: scan results and host-based scan reports, with the report's title and filters before the header, and PCI reports.

``CVSS3 Base`` holds score and vector in one cell; dates are month/day/year; severities are 1 to 5. A row without a QID names a
host on which nothing was found. An ignored or disabled finding is still there, so it is open.
"""

from hextrackr.domain.verdicts import FIXED, OPEN, RESURFACED

from .format import FIRST_SEEN, LAST_SEEN, SEVERITY_WORDS, Format, columns_of, details

HOST = ("IP", "IP Address", "DNS", "DNS Name", "NetBIOS", "FQDN", "Hostname", "Host ID", "QG Host ID")

#: Qualys' 1 (minimal) to 5 (urgent).
SEVERITIES = {**SEVERITY_WORDS, "1": 0, "2": 1, "3": 2, "4": 3, "5": 4, "minimal": 0, "serious": 2}
STATES = {"new": OPEN, "active": OPEN, "re-opened": RESURFACED, "reopened": RESURFACED, "fixed": FIXED}
NULLS = ("'-", "-", "N/A", "null")

FORMAT = Format(
    key="qualys-vm",
    name="Qualys VM",
    check="QID",
    signature=(
        ("QID",),
        ("IP", "IP Address", "DNS", "IP Status", "Tracking Method", "Vuln Status", "Q_SEVERITY", "IS_PCI"),
        ("Title", "Vuln Title", "Vulnerability", "Severity", "Severity Level", "Q_SEVERITY", "Type"),
    ),
    essential={
        "the QID": ("QID",),
        "the host": HOST,
        "the severity": ("Severity", "Severity Level", "Q_SEVERITY"),
    },
    fields=columns_of(
        asset_id=("QG Host ID", "Host ID", "Asset ID"),
        fqdn=("FQDN", "DNS", "DNS Name", "Hostname"),
        netbios=("NetBIOS",),
        ip=("IP", "IP Address", "IPv6"),
        realm=("Network",),
        os=("OS", "Operating System"),
        plugin_id=("QID",),
        title=("Title", "Vuln Title", "Vulnerability", "Vulnerability Title", "Vulnerability Name"),
        cves=("CVE ID", "CVE", "CVE IDs", "CVEs"),
        advisories=("Vendor Reference",),
        family=("Category",),
        description=("Threat", "Impact", "Description"),
        solution=("Solution",),
        see_also=("Vendor Reference",),
        cvss_vector=("CVSS4 Base", "CVSS3.1 Base", "CVSS3 Base", "CVSS Base"),
        cvss=("CVSS4 Base", "CVSS3.1 Base", "CVSS3 Base", "CVSS3.1", "CVSS3", "CVSS Base", "CVSS", "CVSS Score"),
        published=("Published Date", "Published"),
        updated=("Last Service Modification Date", "Modified"),
        # A PCI report has the PCI council's rating, and its own beside it.
        severity=("Severity", "Severity Level", "Q_SEVERITY"),
        state=("Vuln Status", "Status"),
        port=("Port",),
        protocol=("Protocol",),
        first_seen=("First Detected", "First Found", *FIRST_SEEN),
        last_seen=(
            "Last Detected",
            "Last Found",
            *LAST_SEEN,
            "Last Scan",
            "Last Scan Date",
            "Last Scanned",
            "Scan Date",
        ),
        fixed_on=("Date Last Fixed", "Last Fixed", "Fixed On"),
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
        ("PCI", "PCI Vuln", "PCI", "IS_PCI"),
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
        ("False positive", "FALSE POSITIVE STATUS"),
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
