"""HexTrackr's own CSV export (:mod:`hextrackr.queries.export`): findings of several sources come back as those of one."""

from hextrackr.domain.verdicts import FIXED, OPEN, RESURFACED

from .format import FIRST_SEEN, LAST_SEEN, Format, columns_of, details

FORMAT = Format(
    key="hextrackr",
    name="HexTrackr export",
    signature=(
        ("pluginId", "title"),
        ("host", "fqdn", "ip"),
        ("severity",),
        ("firstSeen", "lastSeen", "resolvedOn"),
        ("scanner", "source", "resolvedOn"),
        ("cves", "vpr", "epss", "family", "resolvedOn"),
    ),
    essential={
        "the vulnerability": ("pluginId", "title", "cves"),
        "the host": ("host", "fqdn", "ip"),
        "the severity": ("severity",),
    },
    fields=columns_of(
        fqdn=("fqdn",),
        ip=("ip",),
        host=("host",),
        os=("os",),
        plugin_id=("pluginId",),
        title=("title",),
        cves=("cves",),
        family=("family",),
        cvss=("cvss",),
        vpr=("vpr",),
        epss=("epss",),
        description=("description",),
        solution=("solution",),
        published=("published",),
        updated=("updated",),
        severity=("severity",),
        state=("state",),
        port=("port",),
        protocol=("protocol",),
        first_seen=FIRST_SEEN,
        last_seen=LAST_SEEN,
        fixed_on=("resolvedOn",),
        evidence=("evidence",),
    ),
    finding_details=details(("Scanner", "scanner"), ("Source", "source")),
    states={"active": OPEN, "reopened": RESURFACED, "resolved": FIXED, "retired": OPEN},
    quoted_formulas=True,
)
