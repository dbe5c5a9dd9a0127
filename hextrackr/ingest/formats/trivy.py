"""Trivy: its CSV template (``contrib/csv.tpl``). The asset is the target: an image, a file system, a repository.

The template writes Go strings, with quotes as ``\\"``.
A target on which nothing was found has a row without a vulnerability. A vulnerability is found
once in a target, however many packages carry it.
https://github.com/aquasecurity/trivy/blob/main/contrib/csv.tpl
"""

from .format import FIRST_SEEN, LAST_SEEN, SEVERITY_WORDS, Format, columns_of, details

FORMAT = Format(
    key="trivy",
    name="Trivy",
    check="",
    signature=(
        ("Target",),
        ("Vulnerability ID", "VulnerabilityID"),
        ("PackageName", "PkgName", "Vulnerability Class", "Target Type", "Installed Version", "Fixed Version"),
    ),
    essential={
        "the vulnerability": ("Vulnerability ID", "VulnerabilityID"),
        "the target": ("Target",),
        "the severity": ("Severity",),
    },
    fields=columns_of(
        name=("Target",),
        os=("Target Type",),
        plugin_id=("Vulnerability ID", "VulnerabilityID"),
        title=("Title",),
        cves=("Vulnerability ID", "VulnerabilityID"),
        advisories=("Vulnerability ID", "VulnerabilityID"),
        family=("PackageName", "Package Name", "PkgName", "Vulnerability Class"),
        description=("Description",),
        solution=("Resolution", "Fixed Version"),
        see_also=("Reference", "Additional Reference"),
        cvss_vector=("CVSS V3 Vector",),
        cvss=("CVSS V3 Score",),
        published=("Published Date", "PublishedDate"),
        severity=("Severity",),
        first_seen=FIRST_SEEN,
        last_seen=LAST_SEEN,
    ),
    vulnerability_details=details(("More references", "Additional Reference")),
    finding_details=details(
        ("Package", "PackageName", "Package Name", "PkgName"),
        ("Installed version", "Installed Version", "InstalledVersion"),
        ("Fixed version", "Fixed Version", "FixedVersion"),
        ("Path", "PkgPath", "Package Path"),
        ("Class", "Vulnerability Class", "Class"),
    ),
    # A vulnerability that nobody has rated yet is kept, with the least severity.
    severities={**SEVERITY_WORDS, "unknown": 0},
    backslash_quotes=True,
    bare_rows=True,
)
