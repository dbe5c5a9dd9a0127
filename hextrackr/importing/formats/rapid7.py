"""Rapid7 InsightVM and Nexpose: the CSV report (any of its columns) and the usual SQL query export.

The test's result code tells whether there is a finding: ``vv``, ``ve`` and ``vp`` are vulnerable by version, by exploit and
potentially; every other code is a test that found nothing. The severity is a number: 1 to 3 Moderate, 4 to 7 Severe, 8 to 10
Critical, which are our Medium, High and Critical, whether a file says it in numbers or in words.
"""

from .format import FINDING, OPEN, PASSED, SEVERITY_WORDS, VULNERABILITY, Fields, Format, details
from .format import HOST as HOST_LEVEL

HOST = (
    "Asset IP Address", "Asset Names", "Asset ID", "ip_address", "host_name", "asset_id", "IP Address", "Asset Name", "Hostname",
)  # fmt: skip

FORMAT = Format(
    key="rapid7",
    name="Rapid7 InsightVM",
    signature=(
        ("Vulnerability ID", "Vulnerability Title", "nexpose_id", "vulnerability_id", "vulnerability_title"),
        ("Asset IP Address", "Asset Names", "Asset ID", "asset_id", "ip_address"),
        (
            "Vulnerability Severity Level",
            "Vulnerability Test Result Code",
            "Vulnerability Severity",
            "severity_score",
            "Vulnerable Since",
            "riskscore",
            "Vulnerability Risk Score",
            "nexpose_id",
            "proof",
            "Vulnerability Proof",
        ),
    ),
    essential={
        "the vulnerability": (
            "Vulnerability ID",
            "Vulnerability Title",
            "nexpose_id",
            "vulnerability_id",
            "vulnerability_title",
        ),
        "the host": HOST,
        "the severity": ("Vulnerability Severity Level", "Vulnerability Severity", "severity_score", "severity"),
    },
    fields=Fields(
        asset_id=("Asset ID", "asset_id"),
        fqdn=("Asset Names", "Asset Name", "host_name", "Hostname"),
        ip=(
            "Asset IP Address",
            "Asset Alternate IPv4 Addresses",
            "Asset Alternate IPv6 Addresses",
            "ip_address",
            "IP Address",
        ),
        os=("Asset OS Name", "Asset Operating System", "os_description", "operating_system"),
        plugin_id=("Vulnerability ID", "nexpose_id", "vulnerability_id"),
        title=("Vulnerability Title", "vulnerability_title", "title", "Vulnerability Name"),
        cves=("Vulnerability CVE IDs", "cves", "cve", "CVE", "Vulnerability ID", "nexpose_id"),
        advisories=("Vulnerability Reference IDs", "Vulnerability Title", "title"),
        family=("Vulnerability Tags", "Vulnerability Categories", "category"),
        description=("Vulnerability Description", "description"),
        solution=("Vulnerability Solution", "Remediation", "solution", "fix"),
        see_also=("Vulnerability Reference URLs", "Vulnerability References"),
        cvss_vector=("Vulnerability CVSSv3 Vector", "Vulnerability CVSS Vector", "cvss_v3_vector", "cvss_vector"),
        cvss=("Vulnerability CVSSv3 Score", "Vulnerability CVSS Score", "cvss_v3_score", "cvss_score"),
        published=("Vulnerability Published Date", "Vulnerability Publish Date", "date_published"),
        updated=("Vulnerability Modified Date", "date_modified"),
        severity=("Vulnerability Severity Level", "severity_score", "Vulnerability Severity", "severity"),
        state=("Vulnerability Test Result Code",),
        port=("Service Port", "port"),
        protocol=("Service Protocol", "protocol"),
        first_seen=("Vulnerable Since", "First Found", "first_discovered", "vulnerable_since"),
        last_seen=(
            "Vulnerability Test Date",
            "Asset Last Scan",
            "Last Scan Date",
            "last_scanned",
            "last_scan_finished",
            "scan_date",
        ),
        evidence=("Vulnerability Proof", "proof"),
    ),
    host_details=details(
        ("Site", "Site Name", "site_name", "site", "sites"),
        ("Site importance", "Site Importance"),
        ("MAC address", "Asset MAC Address", "Asset MAC Addresses", "mac_address"),
        ("OS version", "Asset OS Version", "os_version"),
        ("OS family", "Asset OS Family", "os_family"),
        ("Owner", "Asset Owner", "owner"),
        ("Risk score", "Asset Risk Score"),
        ("Criticality", "Asset Criticality", "criticality"),
        ("Tags", "Asset Tags", "tags"),
    ),
    vulnerability_details=details(
        ("Risk score", "Vulnerability Risk Score", "riskscore", "risk_score"),
        ("Exploits", "Exploit Count", "exploits"),
        ("Exploit IDs", "Exploit IDs"),
        ("Exploit titles", "Exploit Titles"),
        ("Exploit URLs", "Exploit URLs"),
        ("Least skill to exploit", "Exploit Minimum Skill", "exploit_skill_level"),
        ("Malware kits", "Malware Kit Count", "malware_kits", "Malware Kit Names"),
        ("PCI severity", "Vulnerability PCI Compliance Status", "pci_status", "pci_severity_score"),
        ("Added", "date_added"),
    ),
    finding_details=details(
        ("Result", "Vulnerability Test Result Description", "vulnerability_status", "status"),
        ("Key", "Vulnerability Test Result Key", "key"),
        ("Service", "Service Name", "service"),
    ),
    prefixes={
        "vulnerability test ": FINDING,
        "asset ": HOST_LEVEL,
        "vulnerability ": VULNERABILITY,
        "exploit ": VULNERABILITY,
        "malware ": VULNERABILITY,
        "service ": FINDING,
    },
    not_kept=("Vulnerability Age", "Vulnerability Test Date"),
    severities={
        **SEVERITY_WORDS,
        "0": 0,
        **dict.fromkeys(("1", "2", "3"), 2),
        **dict.fromkeys(("4", "5", "6", "7"), 3),
        **dict.fromkeys(("8", "9", "10"), 4),
    },
    states=dict.fromkeys(("vv", "ve", "vp"), OPEN),
    other_state=PASSED,
    markup=True,
)
