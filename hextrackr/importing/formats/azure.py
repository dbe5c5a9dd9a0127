"""Microsoft Defender for Cloud (Azure Security Center): the recommendations export, a row for each resource assessed.

``Healthy`` and ``NotApplicable`` are assessments that found nothing.
"""

from .format import OPEN, PASSED, SEVERITY_WORDS, Fields, Format, details

FORMAT = Format(
    key="azure",
    name="Microsoft Defender for Cloud",
    signature=(
        ("recommendationId", "recommendationName", "recommendationDisplayName"),
        ("resourceId", "resourceName", "subscriptionId", "resourceGroup"),
    ),
    essential={
        "the recommendation": ("recommendationName", "recommendationDisplayName"),
        "the resource": ("resourceId", "resourceName"),
        "the severity": ("severity",),
    },
    fields=Fields(
        asset_id=("resourceId",),
        name=("resourceName",),
        plugin_id=("recommendationName",),
        title=("recommendationDisplayName",),
        cves=("cve", "description"),
        family=("resourceType",),
        description=("description",),
        solution=("remediationSteps",),
        see_also=("azurePortalRecommendationLink",),
        severity=("severity",),
        state=("state", "status"),
        first_seen=("statusChangeDate", "firstEvaluationDate"),
        last_seen=("exportedTimestamp",),
        evidence=("additionalData", "statusDescription"),
    ),
    host_details=details(
        ("Subscription", "subscriptionName"),
        ("Subscription ID", "subscriptionId"),
        ("Resource group", "resourceGroup"),
        ("Cloud account", "nativeCloudAccountId"),
        ("Resource type", "resourceType"),
    ),
    vulnerability_details=details(("Controls", "controls"), ("Recommendation ID", "recommendationId")),
    finding_details=details(
        ("Not applicable because", "notApplicableReason"),
        ("Cause", "statusCause", "cause"),
        ("Ticket", "ticketId"),
        ("Owner", "owner"),
        ("Due", "dueDate"),
    ),
    severities=SEVERITY_WORDS,
    states={"unhealthy": OPEN, "healthy": PASSED, "notapplicable": PASSED, "not applicable": PASSED},
    markup=True,
)
