"""Wiz: the issues report, and the vulnerability findings report with its one-word column names.

An issue that is ignored or in progress is still there, so it is open. Deleted resources are resolved by Wiz itself.
"""

from .format import FIXED, OPEN, SEVERITY_WORDS, Fields, Format

HOST = ("Resource vertex ID", "Resource external ID", "Resource Name", "AssetID", "AssetName", "ProviderUniqueId")

FORMAT = Format(
    key="wiz",
    name="Wiz",
    signature=(
        ("Wiz URL", "WizURL", "Issue ID", "Control ID", "Resource vertex ID"),
        ("Resource Name", "Resource external ID", "Resource Type", "AssetName", "AssetID", "Resource vertex ID"),
        ("Severity", "VendorSeverity", "CVSSSeverity", "Title", "DetailedName"),
        ("Status", "FindingStatus", "Created At", "FirstDetected"),
    ),
    essential={
        "the issue": ("Control ID", "Title", "Name", "DetailedName"),
        "the resource": HOST,
        "the severity": ("Severity", "VendorSeverity", "CVSSSeverity"),
    },
    fields=Fields(
        asset_id=("Resource external ID", "Resource vertex ID", "ProviderUniqueId", "AssetID"),
        ip=("IpAddresses",),
        name=("Resource Name", "AssetName"),
        os=("Resource OS", "OperatingSystem"),
        plugin_id=("Control ID", "Name"),
        title=("Title", "Name"),
        cves=("Name", "Title"),
        advisories=("Name", "Title"),
        family=("Resource Type", "DetailedName"),
        description=("Description", "CVEDescription"),
        solution=("Remediation Recommendation", "Remediation"),
        see_also=("Link", "Wiz URL", "WizURL"),
        cvss=("Score", "CVSSv3Score"),
        epss=("EPSSProbability", "EPSS Probability"),
        severity=("Severity", "VendorSeverity", "CVSSSeverity"),
        state=("Status", "FindingStatus"),
        first_seen=("Created At", "FirstDetected"),
        last_seen=("LastDetected", "Last Seen", "LastSeen"),
        fixed_on=("Resolved Time", "ResolvedAt", "Resolved At"),
    ),
    severities={**SEVERITY_WORDS, "unknown": 0},
    states={
        "resolved": FIXED,
        "rejected": FIXED,
        "open": OPEN,
        "in_progress": OPEN,
        "ignored": OPEN,
        "unresolved": OPEN,
    },
)
