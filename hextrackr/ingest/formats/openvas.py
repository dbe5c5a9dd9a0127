"""Greenbone / OpenVAS: the CSV results report of a task.

Severity is the word; it is the scanner's own, so that a CVSS of 9.8 may be High here. A task without results has one row that
names only the task and the time. Some cells carry an apostrophe before a dash, against formulas in spreadsheets.
"""

from .format import FIRST_SEEN, LAST_SEEN, SEVERITY_WORDS, Format, columns_of, details

HOST = ("IP", "Hostname", "Host IP")

FORMAT = Format(
    key="openvas",
    name="Greenbone / OpenVAS",
    check="NVT",
    signature=(
        ("NVT OID", "NVT Name", "QoD", "Vulnerability Detection Method", "Product Detection Result"),
        ("IP", "Hostname", "Result ID", "Task ID", "Specific Result"),
    ),
    essential={
        "the NVT": ("NVT OID", "NVT Name"),
        "the host": HOST,
        "the severity": ("Severity", "Threat"),
    },
    fields=columns_of(
        fqdn=("Hostname",),
        ip=("IP", "Host IP"),
        os=("OS", "Operating System"),
        plugin_id=("NVT OID",),
        title=("NVT Name",),
        cves=("CVEs", "CVE", "CVE IDs"),
        advisories=("Other References", "CERTs"),
        family=("NVT Family", "Family"),
        description=("Summary", "Vulnerability Insight"),
        solution=("Solution",),
        see_also=("Other References",),
        cvss=("CVSS",),
        epss=("Max Severity EPSS score", "Max EPSS score", "EPSS Score"),
        severity=("Severity", "Threat"),
        port=("Port",),
        protocol=("Port Protocol",),
        first_seen=FIRST_SEEN,
        last_seen=("Timestamp", *LAST_SEEN),
        evidence=("Specific Result", "Result"),
    ),
    vulnerability_details=details(
        ("Solution type", "Solution Type"),
        "Impact",
        ("Affected", "Affected Software/OS"),
        ("Insight", "Vulnerability Insight"),
        ("Detection method", "Vulnerability Detection Method"),
        ("Bugtraq ID", "BIDs"),
        ("CERT", "CERTs"),
        ("EPSS percentile", "Max Severity EPSS percentile", "Max EPSS percentile"),
    ),
    finding_details=details(
        ("Quality of detection", "QoD"),
        ("Product detected", "Product Detection Result"),
        ("Task", "Task Name"),
    ),
    severities={**SEVERITY_WORDS, "debug": 0, "false positive": 0, "error": 0, "alarm": 3},
    bare_rows=True,
)
