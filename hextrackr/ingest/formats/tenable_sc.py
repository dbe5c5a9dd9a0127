"""Tenable Security Center (formerly SecurityCenter): the vulnerability detail list and the vulnerability list.

Its summaries (by plugin, by host) have no row for each finding and are refused, naming the column that they lack. The mitigated
view has the columns of the cumulative one, and ``Mitigated On``; what stands in it is fixed.
"""

from .format import FIRST_SEEN, LAST_SEEN, TENABLE_SEVERITIES, Format, columns_of, details

HOST = ("IP Address", "DNS Name", "NetBIOS Name", "Host ID", "Agent ID", "Host Name")

FORMAT = Format(
    key="tenable-sc",
    name="Tenable Security Center",
    signature=(
        ("Plugin", "Plugin ID", "Plugin Name"),
        ("Plugin Name", "Exploit?", "Repository", "Plugin Text", "Steps to Remediate", "Vulnerability Priority Rating"),
        ("Severity", "Risk Factor", "Family"),
        ("Family", "Severity", "IP Address", "Repository", "Exploit?"),
    ),
    essential={
        "the plugin": ("Plugin", "Plugin ID", "Plugin Name"),
        "the host": HOST,
        "the severity": ("Severity", "Risk Factor"),
    },
    fields=columns_of(
        asset_id=("Host ID", "Agent ID"),
        fqdn=("DNS Name",),
        netbios=("NetBIOS Name",),
        ip=("IP Address",),
        name=("Host Name",),
        realm=("Repository",),
        os=("OS", "Operating System"),
        plugin_id=("Plugin", "Plugin ID"),
        title=("Plugin Name",),
        cves=("CVE", "CVEs", "CVE ID"),
        advisories=("Cross References",),
        family=("Family", "Plugin Family"),
        description=("Description", "Synopsis"),
        solution=("Solution", "Steps to Remediate"),
        see_also=("See Also",),
        cvss_vector=("CVSS V4 Vector", "CVSS V3 Vector", "CVSS V2 Vector", "CVSS Vector"),
        cvss=("CVSS V4 Base Score", "CVSS V3 Base Score", "CVSS V2 Base Score", "CVSS Base Score"),
        vpr=("Vulnerability Priority Rating", "VPR", "VPR Score"),
        epss=("EPSS Score", "EPSS"),
        published=("Plugin Publication Date", "Vuln Publication Date"),
        updated=("Plugin Modification Date",),
        severity=("Severity", "Risk Factor"),
        state=("Mitigated On",),
        port=("Port",),
        protocol=("Protocol",),
        first_seen=("First Discovered", *FIRST_SEEN),
        last_seen=("Last Observed", *LAST_SEEN),
        fixed_on=("Mitigated On", "Last Mitigated"),
        evidence=("Plugin Text", "Plugin Output"),
    ),
    host_details=details(
        "Repository",
        ("MAC address", "MAC Address"),
        ("Asset criticality", "ACR", "Asset Criticality Rating"),
        ("Asset exposure", "AES", "Asset Exposure Score"),
    ),
    vulnerability_details=details(
        ("CWE", "CWE"),
        "CPE",
        ("Bugtraq ID", "BID"),
        ("Cross references", "Cross References"),
        ("Exploit available", "Exploit?"),
        ("Exploitability", "Exploit Ease"),
        ("Exploit frameworks", "Exploit Frameworks"),
        ("STIG severity", "STIG Severity"),
        ("CVSS v4 threat score", "CVSS V4 Base + Threat Score", "CVSS V4 Threat Score"),
        ("CVSS v3 temporal score", "CVSS V3 Temporal Score"),
        ("CVSS v2 temporal score", "CVSS V2 Temporal Score"),
        ("Patch published", "Patch Publication Date"),
        ("Vulnerability published", "Vuln Publication Date"),
        ("End of life", "Security End of Life Date"),
        ("Check type", "Check Type"),
        ("Plugin version", "Version"),
        ("VPR context", "VPR Context"),
    ),
    finding_details=details(
        ("Recast", "Recast Risk Comment", "Recast Risk"),
        ("Accepted", "Accept Risk Comment", "Accept Risk"),
        ("Mitigated on", "Mitigated On"),
    ),
    severities=TENABLE_SEVERITIES,
    fixed_days=True,
    nulls=("N/A", "null", "Never"),
    scan_facts=("Plugin Output", "Plugin Text"),
)
