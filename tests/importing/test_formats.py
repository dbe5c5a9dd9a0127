"""Headers in, format or refusal out."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest

from hextrackr.errors import MissingColumns, UnknownFormat
from hextrackr.importing import formats

FULL = ("asset.id", "asset.name", "definition.id", "definition.name", "definition.cve", "severity", "port", "state")


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(FULL, id="usual"),
        pytest.param(tuple(reversed(FULL)), id="another order"),
        pytest.param(tuple(name.upper() for name in FULL), id="upper case"),
        pytest.param(tuple(f"  {name} " for name in FULL), id="padded"),
        pytest.param((*FULL, "a column of tomorrow"), id="unknown column more"),
        pytest.param(("asset.display_ipv4_address", "definition.name", "definition.severity"), id="the least"),
    ],
)
def test_tenable_vm_is_recognised(header):
    assert formats.recognise(header).format.key == "tenable-vm"


@pytest.mark.parametrize(
    ("header", "missing"),
    [
        (("asset.id", "definition.id", "port"), "the severity"),
        (("asset.id", "definition.id", "definition.name"), "definition.severity"),
    ],
)
def test_a_missing_essential_is_named(header, missing):
    with pytest.raises(MissingColumns) as refusal:
        formats.recognise(header)
    assert missing in refusal.value.detail


@pytest.mark.parametrize(
    "header",
    [
        ("name", "price", "quantity"),
        ("definition.id", "definition.name", "severity"),
        ("asset.id", "asset.name", "severity"),
        ("", "", ""),
    ],
)
def test_any_other_header_is_refused(header):
    with pytest.raises(UnknownFormat):
        formats.recognise(header)


def test_a_blank_header_stands_for_the_description():
    header = ["asset.id", "", "definition.id", "severity"]
    assert formats.recognise(header).places["description"] == (1,)


def test_a_blank_header_means_nothing_beside_the_description_itself():
    header = ["asset.id", "", "definition.id", "severity", "definition.description"]
    assert formats.recognise(header).places["description"] == (4,)


def test_of_two_columns_with_one_name_the_first_counts():
    assert formats.recognise(["asset.id", "definition.id", "severity", "severity"]).places["severity"] == (2,)


#: Headers as these scanners write them, in full or with few columns, and whose they are.
HEADERS = [
    ("nessus-pro", "Plugin ID,CVE,CVSS,Risk,Host,Protocol,Port,Name,Synopsis,Description,Solution,See Also,Plugin Output"),
    ("nessus-pro", "Plugin ID,CVE,CVSS v2.0 Base Score,Risk,Host,Protocol,Port,Name,Synopsis,Description,Solution,See Also,Plugin Output"),
    ("nessus-pro", "Host,Risk,Plugin ID,Name"),
    ("nessus-was", "Plugin ID,CVE,CVSS,CVSSv3,Risk,Host,Protocol,Port,Name,Synopsis,Description,Solution,See Also,Plugin Output"),
    ("tenable-io-legacy", "Plugin ID,CVE,CVSS,Risk,Host,Protocol,Port,Name,Synopsis,Asset UUID,Vulnerability State,IP Address,FQDN"),
    ("tenable-io-legacy", "Asset UUID,Plugin ID,Plugin Name,Severity,IP Address"),
    ("tenable-sc", "Plugin,Plugin Name,Family,Severity,IP Address,Protocol,Port,Exploit?,Repository,DNS Name,NetBIOS Name"),
    ("tenable-sc", "Plugin ID,Plugin Name,Severity,IP Address,VPR"),
    ("tenable-vm", "asset.name,definition.name,severity"),
    ("qualys-vm", "IP,DNS,NetBIOS,OS,IP Status,QID,Title,Type,Severity,Port,Protocol,FQDN,SSL,CVE ID,Vendor Reference"),
    ("qualys-vm", "QID,IP,Title,Severity"),
    ("qualys-vmdr", "QID,Title,Severity,KB Severity,Type Detected,Last Detected,First Detected,Status,Asset Id,Asset Name,Asset IPV4"),
    ("qualys-vmdr", "CVE,CVE-Description,QID,Title,Severity,Status,Asset Name"),
    ("rapid7", "Asset IP Address,Service Port,Vulnerability Test Result Code,Vulnerability ID,Vulnerability CVE IDs,"
               "Vulnerability Severity Level,Vulnerability Title"),
    ("rapid7", "Asset IP Address,Vulnerability Title,Vulnerability Severity"),
    ("openvas", "IP,Hostname,Port,Port Protocol,CVSS,Severity,Solution Type,NVT Name,Summary,Specific Result,NVT OID,CVEs"),
    ("wiz", "Created At,Title,Severity,Status,Resource Type,Resource external ID,Control ID,Resource Name,Issue ID,Wiz URL"),
    ("azure", "exportedTimestamp,subscriptionId,resourceGroup,resourceName,resourceId,recommendationName,severity,state"),
    ("defender-tvm", "DeviceId,DeviceName,OSPlatform,SoftwareVendor,SoftwareName,SoftwareVersion,CveId,VulnerabilitySeverityLevel"),
    ("trivy", "Target,Vulnerability Class,Target Type,Vulnerability ID,Severity,PackageName,Installed Version,Fixed Version,Title"),
    ("trustwave", "Status,IP,Target Name,Domain,Vulnerability Name,Description,Remediation,Protocol,Port,Severity,CVE,Service,Evidence"),
    ("generic", "hostname,ip_address,severity,plugin_name"),
    ("generic", "ip_address,cve,severity"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "header"), HEADERS)
@pytest.mark.parametrize("order", ["as it comes", "reversed", "shuffled"])
def test_headers(key, header, order):
    names = header.split(",")
    if order == "reversed":
        names.reverse()
    if order == "shuffled":
        random.Random(7).shuffle(names)
    assert formats.recognise(names).format.key == key
    assert formats.is_header(names)


@pytest.mark.parametrize(
    ("header", "scanner", "missing"),
    [
        (
            "Plugin,Plugin Name,Family,Severity,VPR,Total,Host Total",
            "Tenable Security Center",
            "the host (one of IP Address",
        ),
        ("Plugin ID,Name,Host,Port", "Nessus Professional", "the severity (one of Risk"),
        ("Plugin ID,Risk,Name,Synopsis", "Nessus Professional", "the host (one of Host"),
        ("QID,Title,Severity,Type", None, None),
        ("QID,Title,DNS,Type", "Qualys VM", "the severity"),
        ("Vulnerability Name,Description,Severity", None, None),
        ("Vulnerability ID,Severity,Package name,Package version,Image", None, None),
        ("hostname,severity,comment", None, None),
    ],
)
def test_what_a_summary_lacks_is_named(header, scanner, missing):
    with pytest.raises(MissingColumns if scanner else UnknownFormat) as refusal:
        formats.recognise(header.split(","))
    assert (scanner or "no scanner") in refusal.value.detail
    assert (missing or "") in refusal.value.detail


@pytest.mark.parametrize("known", formats.known(), ids=lambda known: known.key)
def test_every_format_is_complete(known):
    """A format names a column for its host, its plugin and its severity, and its own essentials are among its fields."""
    columns = {column for field in vars(known.fields).values() for column in field}
    assert known.fields.severity
    assert known.fields.plugin_id or known.fields.cves or known.fields.title
    assert known.fields.asset_id or known.fields.fqdn or known.fields.ip or known.fields.host or known.fields.name
    assert {column for group in known.essential.values() for column in group} <= columns
    assert set(known.severities.values()) <= {0, 1, 2, 3, 4}


def test_keys_are_unique():
    keys = [known.key for known in formats.known()]
    assert len(keys) == len(set(keys))


DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "formats.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("known", formats.known(), ids=lambda known: known.key)
def test_every_format_is_documented(known):
    assert f"| `{known.key}` | {known.name} |" in DOCUMENT


def test_the_example_of_the_document_works(run_import, monkeypatch):
    """The format, the file and the expectations of "Add a format", as they stand there."""
    [code] = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
    [expected] = re.findall(r"```json\n(.*?)```", DOCUMENT, re.DOTALL)
    before = DOCUMENT[: DOCUMENT.index("```python")]
    rows = [line.strip() for line in before.splitlines() if line.startswith("    ")]
    module: dict[str, Any] = {"__package__": formats.__name__, "__name__": f"{formats.__name__}.acme"}
    exec(compile(code, "acme.py", "exec"), module)  # our own document
    known = (*formats.known(), module["FORMAT"])
    monkeypatch.setattr(formats, "known", lambda: known)
    record = run_import("\n".join(rows).encode())
    wanted = json.loads(expected)
    assert {name: getattr(record, name) for name in wanted["figures"]} == wanted["figures"]
    assert (record.scanner, str(record.scan_date), record.warnings) == ("acme", wanted["scan_date"], [])
