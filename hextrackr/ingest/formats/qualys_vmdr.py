"""Qualys VMDR: the vulnerabilities list, by QID or by CVE, with or without the three lines on who downloaded it.

Listed by CVE it has a row for each CVE of a QID. ``KB Severity`` is Qualys' own rating, ``Severity`` what the user has made of it.
"""

from .format import FIRST_SEEN, LAST_SEEN, Format, columns_of, details
from .format import HOST as HOST_LEVEL
from .qualys_vm import NULLS, SEVERITIES, STATES

HOST = ("Asset Id", "Asset Name", "Asset IPV4", "Asset IPV6", "Asset IP")

FORMAT = Format(
    key="qualys-vmdr",
    name="Qualys VMDR",
    check="QID",
    signature=(
        ("QID", "KB Severity", "QDS", "CVE-Description"),
        HOST,
        ("Title", "Severity", "KB Severity"),
        (
            "Status",
            "Type Detected",
            "KB Severity",
            "QDS",
            "QVS Score",
            "TruRisk Score",
            "Vuln Patchable",
            "Detection AGE",
        ),
    ),
    essential={
        "the QID": ("QID", "Title", "CVE"),
        "the host": HOST,
        "the severity": ("Severity", "KB Severity"),
    },
    fields=columns_of(
        asset_id=("Asset Id",),
        fqdn=("Asset FQDN", "DNS"),
        netbios=("NetBIOS", "NetBIOS Name"),
        ip=("Asset IPV4", "Asset IPV6", "Asset IP"),
        name=("Asset Name",),
        os=("Operating System", "OS"),
        plugin_id=("QID",),
        title=("Title", "Vuln Title", "Vulnerability"),
        cves=("CVE", "CVE ID", "CVEs", "CVE IDs"),
        advisories=("Vendor Reference",),
        family=("Category",),
        description=("Threat", "CVE-Description"),
        solution=("Solution",),
        cvss=(
            "CVSSv3.1 Base (nvd)",
            "CVSSv3.1 Base",
            "CVSS3.1 Base",
            "CVSSv3 Base",
            "CVSSv2 Base (nvd)",
            "CVSSv2 Base",
        ),
        epss=("EPSS", "EPSS Score"),
        published=("Published Date",),
        severity=("Severity", "KB Severity"),
        state=("Status",),
        port=("Port",),
        protocol=("Protocol",),
        first_seen=("First Detected", "First Found", *FIRST_SEEN),
        last_seen=("Last Detected", "Last Found", *LAST_SEEN),
        fixed_on=("Last Fixed", "Date Last Fixed"),
        evidence=("Results",),
    ),
    host_details=details(
        ("Tags", "Asset Tags"),
        ("Criticality", "Asset Critical Score"),
        ("TruRisk score", "TruRisk Score"),
    ),
    vulnerability_details=details(
        ("Type", "Type Detected"),
        ("QVS score", "QVS Score"),
        ("Patch released", "Patch Released"),
        ("Real-time threat indicators", "RTI"),
        ("Patchable", "Vuln Patchable"),
        ("Tags", "Vulnerability Tags"),
        ("CVSS rating", "CVSS Rating Labels"),
        ("CVE description", "CVE-Description"),
        ("MITRE ATT&CK tactic", "MITRE ATT&CK TACTIC NAME"),
        ("MITRE ATT&CK tactic ID", "MITRE ATT&CK TACTIC ID"),
        ("MITRE ATT&CK technique", "MITRE ATT&CK TECHNIQUE NAME"),
        ("MITRE ATT&CK technique ID", "MITRE ATT&CK TECHNIQUE ID"),
    ),
    finding_details=details(
        ("QDS", "QDS"),
        ("QDS severity", "QDS Severity"),
        "Disabled",
        "Ignored",
        ("Last fixed", "Last Fixed"),
        ("Last reopened", "Last Reopened"),
        ("Detection source", "Detection Source"),
        ("Deep scan result", "Deep Scan Result"),
    ),
    prefixes={"asset ": HOST_LEVEL},
    severities=SEVERITIES,
    states=STATES,
    nulls=NULLS,
    markup=True,
    bare_rows=True,
)
