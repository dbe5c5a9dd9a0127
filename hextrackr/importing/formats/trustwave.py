"""Trustwave: the vulnerability findings export, with severities as single letters (C, H, M, L, I) and no id of its own but the name."""

from .format import FIXED, SEVERITY_WORDS, Fields, Format, details

FORMAT = Format(
    key="trustwave",
    name="Trustwave",
    signature=(("Vulnerability Name",), ("Target Name", "Evidence"), ("IP", "Domain", "Remediation")),
    essential={
        "the vulnerability": ("Vulnerability Name",),
        "the host": ("IP", "Target Name", "Domain"),
        "the severity": ("Severity",),
    },
    fields=Fields(
        ip=("IP",),
        name=("Target Name", "Domain"),
        title=("Vulnerability Name",),
        cves=("CVE",),
        advisories=("Vulnerability Name",),
        family=("Service",),
        description=("Description",),
        solution=("Remediation",),
        cvss=("CVSS", "CVSS Score"),
        severity=("Severity",),
        state=("Status",),
        port=("Port",),
        protocol=("Protocol",),
        first_seen=("First Found", "First Detected"),
        last_seen=("Last Found", "Last Detected"),
        evidence=("Evidence",),
    ),
    host_details=details("Domain"),
    finding_details=details("Service"),
    severities=SEVERITY_WORDS,
    states={"fixed": FIXED, "resolved": FIXED, "remediated": FIXED, "closed": FIXED},
)
