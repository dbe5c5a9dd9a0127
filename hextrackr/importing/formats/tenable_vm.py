"""Tenable Vulnerability Management: the findings export, its columns chosen by the user and in any order.

Columns and states: https://docs.tenable.com/vulnerability-management/Content/Explore/Findings/Findings.htm
"""

from .format import FIRST_SEEN, FIXED, LAST_SEEN, OPEN, RESURFACED, TENABLE_SEVERITIES, Fields, Format

HOST = (
    "asset.id",
    "asset.display_fqdn",
    "asset.netbios_name",
    "asset.display_ipv4_address",
    "asset.display_ipv6_address",
    "asset.name",
    "asset.host_name",
)

FORMAT = Format(
    key="tenable-vm",
    name="Tenable Vulnerability Management",
    signature=(
        (
            "definition.id",
            "definition.name",
            "definition.cve",
            "definition.family",
            "definition.severity",
            "definition.vpr.score",
            "definition.vpr_v2.score",
            "definition.synopsis",
            "definition.description",
            "definition.solution",
        ),
        HOST,
    ),
    essential={
        "the plugin": ("definition.id", "definition.name", "definition.cve"),
        "the host": HOST,
        "the severity": ("severity", "definition.severity"),
    },
    fields=Fields(
        asset_id=("asset.id",),
        fqdn=("asset.display_fqdn", "asset.fqdns"),
        netbios=("asset.netbios_name",),
        ip=(
            "asset.display_ipv4_address",
            "asset.display_ipv6_address",
            "asset.ipv4_addresses",
            "asset.ipv6_addresses",
            "asset.ip_addresses",
        ),
        name=("asset.name", "asset.host_name"),
        os=("asset.operating_system", "asset.operating_systems"),
        plugin_id=("definition.id",),
        title=("definition.name",),
        # Vendor feeds leave the CVE column out and put the CVE or advisory id into the name.
        cves=("definition.cve", "definition.cves"),
        advisories=("definition.references", "definition.xrefs"),
        family=("definition.family",),
        description=("definition.description", "definition.synopsis"),
        solution=("definition.solution",),
        see_also=("definition.see_also",),
        cvss_vector=("definition.cvss4.base_vector", "definition.cvss3.base_vector", "definition.cvss2.base_vector"),
        cvss=("definition.cvss4.base_score", "definition.cvss3.base_score", "definition.cvss2.base_score"),
        vpr=("definition.vpr_v2.score", "definition.vpr.score"),
        epss=("definition.epss.score",),
        published=("definition.plugin_published", "definition.vulnerability_published"),
        updated=("definition.plugin_updated",),
        severity=("severity", "definition.severity"),
        state=("state",),
        port=("port",),
        protocol=("protocol",),
        first_seen=("first_observed", *FIRST_SEEN),
        last_seen=LAST_SEEN,
        fixed_on=("last_fixed", "fixed_date"),
    ),
    severities=TENABLE_SEVERITIES,
    scan_facts=("output",),
    states={
        "fixed": FIXED,
        "new": OPEN,
        "active": OPEN,
        "open": OPEN,
        "resurfaced": RESURFACED,
        "reopened": RESURFACED,
    },
    blank_header="definition.description",
)
