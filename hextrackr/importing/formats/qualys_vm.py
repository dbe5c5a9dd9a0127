"""Qualys VM: scan results and host-based scan reports, with the report's title and filters before the header.

``CVSS3 Base`` holds score and vector in one cell; dates are month/day/year; severities are 1 to 5. A row without a QID names a
host on which nothing was found. An ignored or disabled finding is still there, so it is open.
"""

from .format import FIXED, OPEN, RESURFACED, SEVERITY_WORDS, Fields, Format

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
        realm=("Network",),
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
        fixed_on=("Date Last Fixed", "Last Fixed", "Fixed On"),
    ),
    severities=SEVERITIES,
    states=STATES,
    nulls=NULLS,
    markup=True,
    bare_rows=True,
)
