"""Trustwave: the vulnerability findings export, with severities as single letters (C, H, M, L, I) and no id of its own but the name."""

from hextrackr.domain.verdicts import FIXED, OPEN

from .format import FIRST_SEEN, LAST_SEEN, SEVERITY_WORDS, Format, columns_of, details

FORMAT = Format(
    key="trustwave",
    name="Trustwave",
    signature=(
        ("Vulnerability Name",),
        ("Target Name", "Evidence", "Domain"),
        ("IP", "Domain", "Remediation", "Target Name"),
    ),
    essential={
        "the vulnerability": ("Vulnerability Name",),
        "the host": ("IP", "Target Name", "Domain"),
        "the severity": ("Severity",),
    },
    fields=columns_of(
        ip=("IP",),
        name=("Target Name", "Domain"),
        title=("Vulnerability Name",),
        cves=("CVE", "CVEs", "CVE ID"),
        family=("Service",),
        description=("Description",),
        solution=("Remediation",),
        cvss=("CVSS", "CVSS Score"),
        severity=("Severity",),
        state=("Status",),
        port=("Port",),
        protocol=("Protocol",),
        first_seen=FIRST_SEEN,
        last_seen=LAST_SEEN,
        fixed_on=("Last Fixed", "Date Fixed", "Fixed On"),
        evidence=("Evidence",),
    ),
    host_details=details("Domain"),
    finding_details=details("Service"),
    severities=SEVERITY_WORDS,
    states={"open": OPEN, "fixed": FIXED, "resolved": FIXED, "remediated": FIXED, "closed": FIXED},
)
