"""Nessus Professional (and Essentials, Expert): the CSV report, in its default columns or any others chosen.

A row is repeated for each CVE of a plugin. ``Risk`` is the severity the scan shows, ``Risk Factor`` the plugin's own.
"""

from .format import FIRST_SEEN, LAST_SEEN, TENABLE_SEVERITIES, Format, columns_of, details

HOST = ("Host", "IP Address", "FQDN", "NetBios")

#: Shared by the three exports that Nessus' columns stand in.
FIELDS = columns_of(
    fqdn=("FQDN",),
    netbios=("NetBios", "NetBIOS Name"),
    ip=("IP Address",),
    host=("Host",),
    os=("OS", "Operating System"),
    plugin_id=("Plugin ID", "Plugin"),
    title=("Name", "Plugin Name"),
    cves=("CVE", "CVEs", "CVE ID"),
    advisories=("XREF", "MSKB", "Cross References"),
    family=("Plugin Family", "Family"),
    description=("Description", "Synopsis"),
    solution=("Solution",),
    see_also=("See Also",),
    cvss_vector=("CVSS v4.0 Vector", "CVSS v3.0 Vector", "CVSS3 Vector", "CVSS v2.0 Vector", "CVSS Vector"),
    cvss=(
        "CVSS v4.0 Base Score",
        "CVSS4 Base Score",
        "CVSS v3.1 Base Score",
        "CVSS v3.0 Base Score",
        "CVSS3 Base Score",
        "CVSSv3",
        "CVSS v2.0 Base Score",
        "CVSS Base Score",
        "CVSS",
    ),
    vpr=("VPR Score", "VPR", "Vulnerability Priority Rating (VPR)", "Vulnerability Priority Rating", "VPR v2 Score"),
    epss=("EPSS Score", "EPSS"),
    published=("Plugin Publication Date", "Vulnerability Publication Date"),
    updated=("Plugin Modification Date",),
    severity=("Risk", "Severity", "Risk Factor"),
    port=("Port",),
    protocol=("Protocol",),
    first_seen=FIRST_SEEN,
    last_seen=(*LAST_SEEN, "Host End", "Host Start"),
    evidence=("Plugin Output",),
)
HOST_DETAILS = details(
    "MAC Address", "System Type", ("Network", "Network Name", "Network"), ("Asset tags", "Asset Tags", "Tags"),
    ("Scan started", "Host Start"), ("Scan ended", "Host End"),
)  # fmt: skip
VULNERABILITY_DETAILS = details(
    ("CWE", "CWE"),
    "CPE",
    ("Bugtraq ID", "BID", "Bugtraq ID"),
    ("Cross references", "XREF", "Cross References"),
    ("Microsoft KB", "MSKB"),
    ("STIG severity", "STIG Severity"),
    ("CVSS v4.0 base and threat score", "CVSS v4.0 Base+Threat Score"),
    ("CVSS v3 temporal score", "CVSS v3.0 Temporal Score", "CVSS3 Temporal Score"),
    ("CVSS v3 temporal vector", "CVSS v3.0 Temporal Vector", "CVSS3 Temporal Vector"),
    ("CVSS v2 temporal score", "CVSS v2.0 Temporal Score", "CVSS Temporal Score"),
    ("CVSS v2 temporal vector", "CVSS v2.0 Temporal Vector", "CVSS Temporal Vector"),
    "Metasploit",
    "Core Impact",
    "CANVAS",
    ("Exploit available", "Exploit?", "Exploit Available"),
    ("Exploitability", "Exploit Ease", "Exploitability Ease"),
    ("Exploited by malware", "Exploited by Malware"),
    ("Exploited by Nessus", "Exploited by Nessus"),
    ("Exploit frameworks", "Exploit Frameworks"),
    ("In the news", "In The News"),
    ("Patch published", "Patch Publication Date"),
    ("Vulnerability published", "Vulnerability Publication Date", "Vuln Publication Date"),
    ("Unsupported by vendor", "Unsupported By Vendor"),
    "IAVA",
    "IAVB",
    ("Plugin type", "Plugin Type", "Check Type"),
    ("Plugin version", "Plugin Version"),
)
FINDING_DETAILS = details(
    ("Risk modified", "Risk Modified"),
    ("Recast reason", "Recast Reason", "Recast Risk Comment"),
    ("Accepted", "Accept Risk Comment"),
    ("Last fixed", "Last Fixed"),
    ("Resurfaced", "Resurfaced Date"),
)

FORMAT = Format(
    key="nessus-pro",
    name="Nessus Professional",
    signature=(
        ("Plugin ID",),
        ("Name", "Synopsis", "Plugin Output", "See Also", "Description", "Solution", "Risk"),
        ("Host", "Risk", "Risk Factor"),
    ),
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
