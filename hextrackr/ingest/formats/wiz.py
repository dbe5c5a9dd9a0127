"""Wiz: the issues report, and the vulnerability findings report with its one-word column names.

An issue that is ignored or in progress is still there, so it is open; one that is rejected was not judged by Wiz but by a person, for a
false positive or a risk that is taken, so it is no verdict. Deleted resources are resolved by Wiz itself.
"""

from hextrackr.domain.verdicts import FIXED, OPEN

from .format import FIRST_SEEN, LAST_SEEN, NO_VERDICT_WORDS, SEVERITY_WORDS, Format, columns_of, details
from .format import HOST as HOST_LEVEL

HOST = ("Resource vertex ID", "Resource external ID", "Resource Name", "AssetID", "AssetName", "ProviderUniqueId")

FORMAT = Format(
    key="wiz",
    name="Wiz",
    check="",
    signature=(
        (
            "Wiz URL",
            "Issue ID",
            "Control ID",
            "Resource vertex ID",
            "CVEDescription",
            "CVSSSeverity",
            "VendorSeverity",
            "FindingStatus",
            "ProviderUniqueId",
        ),
        ("Resource Name", "Resource external ID", "Resource Type", "AssetName", "AssetID", "Resource vertex ID"),
        ("Severity", "VendorSeverity", "CVSSSeverity", "Title", "DetailedName"),
        ("Status", "FindingStatus", "Created At", "FirstDetected", "LastDetected"),
    ),
    essential={
        "the issue": ("Control ID", "Title", "Name", "DetailedName"),
        "the resource": HOST,
        "the severity": ("Severity", "VendorSeverity", "CVSSSeverity"),
    },
    fields=columns_of(
        asset_id=("Resource external ID", "Resource vertex ID", "ProviderUniqueId", "AssetID"),
        ip=("IpAddresses",),
        name=("Resource Name", "AssetName"),
        os=("Resource OS", "OperatingSystem"),
        plugin_id=("Control ID", "Name"),
        title=("Title", "Name"),
        cves=("CVE", "CVEs", "CVE ID", "Name"),
        family=("Resource Type", "DetailedName"),
        description=("Description", "CVEDescription"),
        solution=("Remediation Recommendation", "Remediation"),
        see_also=("Link", "Wiz URL", "WizURL"),
        cvss=("Score", "CVSSv3Score"),
        epss=("EPSSProbability", "EPSS Probability"),
        severity=("Severity", "VendorSeverity", "CVSSSeverity"),
        state=("Status", "FindingStatus"),
        first_seen=("Created At", *FIRST_SEEN),
        last_seen=LAST_SEEN,
        fixed_on=("Resolved Time", "ResolvedAt", "Resolved At"),
        evidence=("Resource original JSON", "Evidence"),
    ),
    host_details=details(
        ("Subscription", "Subscription Name", "SubscriptionName"),
        ("Subscription ID", "Subscription ID", "SubscriptionId", "SubscriptionExternalId"),
        ("Projects", "Project Names", "Projects"),
        ("Project IDs", "Project IDs"),
        ("Region", "Resource Region", "AssetRegion"),
        ("Status of the resource", "Resource Status"),
        ("Platform", "Resource Platform", "CloudPlatform"),
        ("Cloud provider URL", "Cloud Provider URL", "CloudProviderURL"),
        ("Tags", "Resource Tags", "Tags"),
        ("Kubernetes cluster", "Kubernetes Cluster"),
        ("Kubernetes namespace", "Kubernetes Namespace"),
        ("Container service", "Container Service"),
        ("IP addresses", "IpAddresses"),
    ),
    vulnerability_details=details(
        ("Exploit available", "HasExploit"),
        ("Known to be exploited (CISA)", "HasCisaKevExploit"),
        ("Exploitability", "ExploitabilityScore"),
        ("Impact", "ImpactScore"),
        ("EPSS percentile", "EPSSPercentile"),
        ("EPSS severity", "EPSSSeverity"),
        ("Source feed", "DataSourceName"),
    ),
    finding_details=details(
        ("Path", "LocationPath"),
        ("Software", "DetailedName"),
        ("Version", "Version"),
        ("Fixed version", "FixedVersion"),
        ("Detected by", "DetectionMethod"),
        ("Resolution", "Resolution", "ResolutionReason"),
        ("Resolved", "Resolved Time", "ResolvedAt"),
        ("Due", "Due At"),
        ("Note", "Note"),
        ("Tickets", "Ticket URLs"),
        ("Issue", "Issue ID", "ID"),
        ("Wiz", "Wiz URL", "WizURL"),
    ),
    prefixes={"resource ": HOST_LEVEL, "kubernetes ": HOST_LEVEL, "asset": HOST_LEVEL, "cloud": HOST_LEVEL},
    severities={**SEVERITY_WORDS, "unknown": 0},
    no_verdict=(*NO_VERDICT_WORDS, "rejected"),
    states={
        "resolved": FIXED,
        "open": OPEN,
        "in_progress": OPEN,
        "ignored": OPEN,
        "unresolved": OPEN,
    },
)
