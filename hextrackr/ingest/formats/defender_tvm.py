"""Microsoft Defender Vulnerability Management (TVM): the software vulnerabilities of each device.

From the portal, a hunting query (``DeviceTvmSoftwareVulnerabilities``) or the API, whose column names differ a little.
A row stands for one CVE of one software on one device; the software of several rows is one finding of that CVE.
"""

from hextrackr.domain.verdicts import FIXED, OPEN

from .format import FIRST_SEEN, LAST_SEEN, SEVERITY_WORDS, Format, columns_of, details

HOST = ("DeviceId", "DeviceName", "Device Id", "Device Name", "MachineId", "machineName", "Device")
CVE = ("CveId", "CVE Id", "CVE", "CVE ID", "VulnerabilityId")
SEVERITY = ("VulnerabilitySeverityLevel", "SeverityLevel", "Severity Level", "Vulnerability Severity Level", "Severity")

FORMAT = Format(
    key="defender-tvm",
    name="Microsoft Defender Vulnerability Management",
    check="",
    signature=(
        HOST,
        CVE,
        (
            "SoftwareName",
            "SoftwareVendor",
            "SoftwareVersion",
            "VulnerabilitySeverityLevel",
            "RecommendedSecurityUpdate",
            "RecommendedSecurityUpdateId",
            "productName",
            "productVendor",
            "productVersion",
            "fixingKbId",
        ),
    ),
    essential={"the CVE": CVE, "the device": HOST, "the severity": SEVERITY},
    fields=columns_of(
        asset_id=("DeviceId", "Device Id", "MachineId"),
        fqdn=("DeviceName", "Device Name", "machineName", "Device"),
        ip=("IPAddress", "IP Address", "LastIPAddress"),
        os=("OSPlatform", "OS Platform", "OS"),
        plugin_id=CVE,
        title=CVE,
        cves=CVE,
        advisories=CVE,
        family=("SoftwareName", "Software Name", "productName"),
        description=("VulnerabilityDescription", "Description"),
        solution=("RecommendedSecurityUpdate", "Recommended Security Update", "Remediation"),
        see_also=("RecommendationReference", "SecurityUpdateUrl"),
        cvss=("CvssScore", "CVSS Score", "CVSS", "CvssV3"),
        epss=("EPSS", "EpssScore", "EPSS Score"),
        published=("PublishedDate", "Published Date", "PublishedOn"),
        severity=SEVERITY,
        state=("Status",),
        first_seen=("FirstSeenTimestamp", *FIRST_SEEN),
        last_seen=("LastSeenTimestamp", *LAST_SEEN, "Timestamp", "EventTimestamp"),
        # The list of changes tells with each event when it was.
        fixed_on=("FixedOn", "Fixed On", "EventTimestamp"),
        evidence=("AdditionalData", "Evidence"),
    ),
    host_details=details(
        ("OS version", "OSVersion", "OS Version"),
        ("OS architecture", "OSArchitecture", "OS Architecture"),
        ("Device group", "RbacGroupName", "Device Group", "MachineGroup"),
        ("Device group ID", "RbacGroupId"),
        ("Tags", "DeviceTags", "Device Tags", "MachineTags", "Tags"),
        ("Exposure", "ExposureLevel", "Exposure Level"),
        ("Domain", "Domain"),
    ),
    vulnerability_details=details(
        ("Exploitability", "ExploitabilityLevel", "Exploitability Level"),
        ("Exploit available", "IsExploitAvailable", "Exploit Available", "ExploitAvailable"),
        ("CVE is tagged", "CveTags", "CveMitigationStatus"),
        ("Batch", "CveBatchTitle"),
        ("Batch URL", "CveBatchUrl"),
    ),
    finding_details=details(
        ("Vendor", "SoftwareVendor", "Software Vendor", "productVendor"),
        ("Software", "SoftwareName", "Software Name", "productName"),
        ("Version", "SoftwareVersion", "Software Version", "productVersion"),
        ("Disk paths", "DiskPaths", "Disk Paths"),
        ("Registry paths", "RegistryPaths", "Registry Paths"),
        ("Update", "RecommendedSecurityUpdate", "Recommended Security Update"),
        ("Update ID", "RecommendedSecurityUpdateId", "fixingKbId"),
        ("Security update available", "SecurityUpdateAvailable"),
        ("End of support", "EndOfSupportStatus"),
        ("End of support date", "EndOfSupportDate"),
    ),
    bare_rows=True,
    severities={**SEVERITY_WORDS, "unknown": 0},
    states={
        "new": OPEN,
        "updated": OPEN,
        "active": OPEN,
        "open": OPEN,
        "fixed": FIXED,
        "resolved": FIXED,
        "remediated": FIXED,
    },
)
