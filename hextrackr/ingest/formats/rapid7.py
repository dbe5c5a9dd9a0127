"""Rapid7 InsightVM and Nexpose: the CSV report (any of its columns) and exports by SQL query, such as those that Rapid7 publishes.

The severity is a number: 1 to 3 Moderate, 4 to 7 Severe, 8 to 10 Critical, which are our Medium, High and Critical, whether a file says
it in numbers or in words.

The test's result code tells whether there is a finding. ``vv``, ``ve`` and ``vp`` are vulnerable by version, by exploit and
potentially; ``nv``, ``ov`` and ``sv`` are not vulnerable: by a test, by what other tests showed, and because the version is none of the
affected ones. Every other code is no verdict: https://docs.rapid7.com/nexpose/working-with-report-formats (Vulnerability result codes).

The queries: https://github.com/rapid7/insightvm-sql-queries
"""

from hextrackr.domain.verdicts import NO_VERDICT, OPEN, PASSED

from .format import (
    FINDING,
    FIRST_SEEN,
    LAST_SEEN,
    NO_VERDICT_WORDS,
    SEVERITY_WORDS,
    VULNERABILITY,
    Format,
    columns_of,
    details,
)
from .format import HOST as HOST_LEVEL

ID = ("Vulnerability ID", "nexpose_id")
TITLE = ("Vulnerability Title", "Vulnerability Name", "title", "Vulnerability", "Vulnerabiltiy")
HOST = ("Asset IP Address", "Asset Names", "Asset ID", "ip_address", "host_name", "Asset Name", "Hostname")
SEVERITY = ("Vulnerability Severity Level", "severity_score", "Vulnerability Severity", "Severity Level", "severity")

#: Excluded by an exception, errors, what was not tested.
NO_VERDICT_CODES = (
    "ee", "ep", "ev", "er", "uk", "nt", "sd", "ds",
    "exception-vulnerable-exploited", "exception-vulnerable-version", "exception-vulnerable-potential", "skipped-dos",
    "skipped-disabled", "no-tests",
)  # fmt: skip

FORMAT = Format(
    key="rapid7",
    name="Rapid7 InsightVM",
    check="",
    signature=(
        (
            *ID,
            "Vulnerability Title",
            "Vulnerability Test Result Code",
            "malware_kits",
            "pci_severity_score",
            "severity_score",
        ),
        ("Asset IP Address", "Asset Names", "Asset Name", "Asset ID", "ip_address", "host_name"),
        (
            "Vulnerability Severity Level",
            "Vulnerability Test Result Code",
            "Vulnerability Severity",
            "Vulnerability CVE IDs",
            "Vulnerability CVSS Score",
            "Vulnerability CVSSv3 Score",
            "Vulnerability Risk Score",
            "Vulnerability Proof",
            "Vulnerability Solution",
            "Vulnerability Published Date",
            "Vulnerable Since",
            "Asset OS Name",
            "Service Port",
            "nexpose_id",
            "proof",
            "severity_score",
            "riskscore",
            "risk_score",
            "pci_severity_score",
            "malware_kits",
            "first_discovered",
            "most_recently_discovered",
            "last_assessed_for_vulnerabilities",
            "date_published",
            "age_in_days",
        ),
    ),
    essential={"the vulnerability": (*ID, *TITLE), "the host": HOST, "the severity": SEVERITY},
    fields=columns_of(
        asset_id=("Asset ID",),
        fqdn=("Asset Names", "Asset Name", "host_name", "Hostname"),
        ip=("Asset IP Address", "Asset Alternate IPv4 Addresses", "Asset Alternate IPv6 Addresses", "ip_address"),
        os=(
            "Asset OS Name",
            "Asset Operating System",
            "os_description",
            "operating_system",
            "Asset OS",
            "OS",
            "OS Name",
        ),
        plugin_id=ID,
        title=TITLE,
        cves=("Vulnerability CVE IDs", "Vulnerability CVE ID", "cves", "cve", "CVE ID", "CVE IDs"),
        advisories=("Vulnerability Reference IDs", "references", "reference"),
        family=("Vulnerability Tags", "Vulnerability Categories", "Vulnerability Category", "category", "categories"),
        description=("Vulnerability Description", "description"),
        solution=(
            "Vulnerability Solution",
            "Remediation",
            "solution",
            "fix",
            "Solution Summary",
            "summary",
            "best_solution",
        ),
        see_also=("Vulnerability Reference URLs", "Vulnerability References"),
        cvss_vector=("Vulnerability CVSSv3 Vector", "Vulnerability CVSS Vector", "cvss_v3_vector", "cvss_vector"),
        cvss=(
            "Vulnerability CVSSv3 Score",
            "Vulnerability CVSS Score",
            "cvss_v3_score",
            "CVSSv3 Score",
            "cvss_score",
            "CVSS",
        ),
        published=("Vulnerability Published Date", "Vulnerability Publish Date", "date_published", "Published"),
        updated=("Vulnerability Modified Date", "date_modified"),
        severity=SEVERITY,
        state=("Vulnerability Test Result Code",),
        port=("Service Port", "port"),
        protocol=("Service Protocol", "protocol"),
        first_seen=(
            "Vulnerable Since",
            "first_discovered",
            "first_discovered_date",
            *FIRST_SEEN,
            "date_discovered",
            "Vulnerability Discovered Date",
        ),
        last_seen=(
            "Vulnerability Test Date",
            "most_recently_discovered",
            "last_discovered_date",
            *LAST_SEEN,
            "date_tested",
            "Asset Last Scan",
            "Vulnerability Last Scan Date",
            "last_assessed_for_vulnerabilities",
            "last_assessed",
            "Last Scan Date",
            "last_scan",
            "last_scanned",
            "last_scan_finished",
            "last_scan_end",
            "scan_finished",
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
    states={
        **dict.fromkeys(
            ("vv", "ve", "vp", "vulnerable-version", "vulnerable-exploited", "vulnerable-potential", "potential"), OPEN
        ),
        **dict.fromkeys(
            ("nv", "ov", "sv", "not-vulnerable", "overridden-vulnerable-version", "skipped-version"), PASSED
        ),
    },
    no_verdict=(*NO_VERDICT_WORDS, *NO_VERDICT_CODES),
    other_state=NO_VERDICT,
    markup=True,
    bare_rows=True,
)
