"""Our own plain columns, for whoever builds a CSV from something else: ``hostname, ip_address, severity, plugin_name`` and more.

Severities in words or as 0 to 4.
"""

from hextrackr.domain.verdicts import FIXED, OPEN, PASSED, RESURFACED

from .format import FIRST_SEEN, LAST_SEEN, TENABLE_SEVERITIES, Format, columns_of, details

FORMAT = Format(
    key="generic",
    name="Generic CSV",
    signature=(
        ("hostname", "ip_address"),
        ("severity",),
        ("plugin_name", "plugin_id", "cve", "cves", "cve_id", "cve_ids"),
    ),
    essential={
        "the vulnerability": ("plugin_id", "plugin_name", "cve", "cves", "cve_id", "cve_ids"),
        "the host": ("hostname", "ip_address"),
        "the severity": ("severity",),
    },
    fields=columns_of(
        fqdn=("hostname",),
        ip=("ip_address",),
        os=("operating_system", "os"),
        plugin_id=("plugin_id",),
        title=("plugin_name",),
        cves=("cve", "cves", "cve_id", "cve_ids"),
        family=("plugin_family", "family"),
        description=("description",),
        solution=("solution",),
        see_also=("see_also",),
        cvss_vector=("cvss_vector",),
        cvss=("cvss_score", "cvss"),
        vpr=("vpr_score", "vpr"),
        epss=("epss_score", "epss"),
        published=("published",),
        severity=("severity",),
        state=("state",),
        port=("port",),
        protocol=("protocol",),
        first_seen=FIRST_SEEN,
        last_seen=(*LAST_SEEN, "scan_date", "last_scan"),
        fixed_on=("resolved_on", "fixed_on", "last_fixed", "resolved_at", "fixed_at"),
        evidence=("evidence", "output", "plugin_output", "proof", "results", "result"),
    ),
    host_details=details(
        ("MAC address", "mac_address", "mac"),
        ("Tags", "tags", "asset_tags"),
        ("System type", "system_type"),
        ("Network", "network", "repository"),
        ("Location", "location"),
        ("Owner", "owner"),
    ),
    vulnerability_details=details(
        ("Vendor", "vendor"),
        ("CWE", "cwe"),
        ("CPE", "cpe"),
        ("Synopsis", "synopsis"),
        ("Impact", "impact"),
        ("References", "references", "xref"),
        ("Exploit available", "exploit_available", "exploit"),
        ("Exploitability", "exploitability", "exploit_ease"),
        ("Patch published", "patch_published"),
        ("STIG severity", "stig_severity"),
    ),
    finding_details=details(
        ("Software", "software", "package"),
        ("Version", "version", "installed_version"),
        ("Fixed version", "fixed_version"),
        ("Path", "path"),
        ("Service", "service"),
        ("Comment", "comment", "note"),
    ),
    severities=TENABLE_SEVERITIES,
    states={
        **dict.fromkeys(("fixed", "resolved", "closed", "mitigated", "remediated"), FIXED),
        **dict.fromkeys(("new", "open", "active"), OPEN),
        **dict.fromkeys(("resurfaced", "reopened", "re-opened"), RESURFACED),
        **dict.fromkeys(("passed", "pass", "not vulnerable", "not affected"), PASSED),
    },
    last_resort=True,
)
