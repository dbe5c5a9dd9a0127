"""Nessus Professional (and Essentials, Expert): the CSV report, in its default columns or any others chosen.

A row is repeated for each CVE of a plugin. ``Risk`` is the severity the scan shows, ``Risk Factor`` the plugin's own.
"""

from .format import FIRST_SEEN, LAST_SEEN, TENABLE_SEVERITIES, Fields, Format

HOST = ("Host", "IP Address", "FQDN", "NetBios")

#: Shared by the three exports that Nessus' columns stand in.
FIELDS = Fields(
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
        "the severity": FIELDS.severity,
    },
    fields=FIELDS,
    severities=TENABLE_SEVERITIES,
    scan_facts=("Plugin Output",),
)
