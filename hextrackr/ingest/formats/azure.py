"""Microsoft Defender for Cloud (Azure Security Center): the recommendations export, a row for each resource assessed.

``Healthy`` is an assessment that found nothing, ``NotApplicable`` one that was not made:
https://learn.microsoft.com/rest/api/defenderforcloud/assessments/get#assessmentstatuscode
"""

from hextrackr.domain.verdicts import OPEN, PASSED

from .format import FIRST_SEEN, LAST_SEEN, NO_VERDICT_WORDS, SEVERITY_WORDS, Format, columns_of, details

FORMAT = Format(
    key="azure",
    name="Microsoft Defender for Cloud",
    check="",
    signature=(
        ("recommendationId", "recommendationName", "recommendationDisplayName", "azurePortalRecommendationLink"),
        ("resourceId", "resourceName", "subscriptionId", "resourceGroup"),
    ),
    essential={
        "the recommendation": ("recommendationName", "recommendationDisplayName"),
        "the resource": ("resourceId", "resourceName"),
        "the severity": ("severity",),
        # Without it nobody can say which of the assessments found something.
        "the state": ("state", "status"),
    },
    fields=columns_of(
        asset_id=("resourceId",),
        name=("resourceName",),
        plugin_id=("recommendationName",),
        title=("recommendationDisplayName",),
        cves=("cve", "cves", "cveId", "cveIds", "description"),
        family=("resourceType",),
        description=("description",),
        solution=("remediationSteps",),
        see_also=("azurePortalRecommendationLink",),
        severity=("severity",),
        state=("state", "status"),
        first_seen=("statusChangeDate", "firstEvaluationDate", *FIRST_SEEN),
        last_seen=("exportedTimestamp", *LAST_SEEN),
        fixed_on=("statusChangeDate",),
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
    states={"unhealthy": OPEN, "healthy": PASSED},
    no_verdict=(*NO_VERDICT_WORDS, "offbypolicy", "off by policy", "exempt", "exempted"),
    markup=True,
)
