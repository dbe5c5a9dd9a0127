"""Headers in, format or refusal out."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest

from hextrackr.domain.verdicts import NO_VERDICT, OPEN, PASSED
from hextrackr.errors import MissingColumns, UnknownFormat
from hextrackr.ingest import dialect, formats
from hextrackr.queries.columns import COLUMNS

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
    ("scanner", "key", "name"),
    [
        ("tenable-vm", "105971", "Plugin 105971"),
        ("qualys-vmdr", "105971", "QID 105971"),
        ("trivy", "CVE-2024-3094", "CVE-2024-3094"),
        ("a saved mapping", "7", "Plugin 7"),
        ("generic", "Old TLS", ""),
    ],
)
def test_a_check_is_called_what_its_scanner_calls_it(scanner, key, name):
    assert formats.check_name(scanner, key, title="Old TLS") == name


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


def test_two_columns_with_one_name_are_two_places():
    assert formats.recognise(["asset.id", "definition.id", "severity", "severity"]).places["severity"] == (2, 3)


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
    ("qualys-vm", "IP,HOSTNAME,LAST SCAN,QID,VULN TITLE,TYPE,SEVERITY,PORT,PROTOCOL,IS_PCI,CVSS_BASE,Q_SEVERITY,THREAT,CVEID"),
    ("rapid7", "Host Name,IP Address,Nexpose ID,Vulnerability Title,Severity Score,Severity,Risk score,CVSS Score,exploits,Malware Kits"),
    ("rapid7", "ip_address,nexpose_id,title,description,date_published,cvss_vector,severity_score,severity,pci_severity_score,risk_score"),
    ("rapid7", "Asset ID,Asset IP Address,Vulnerability Title,CVE ID,Vulnerability Risk Score,Severity,First Found Date"),
    ("tenable-vm", "asset.display_ipv4_address,asset.name,definition.family,definition.vpr.score,severity,last_seen,definition.cve"),
    ("tenable-io-legacy", "Plugin ID,CVE,CVSS,Risk,Host,Protocol,Port,Name,Asset UUID,IP Address,FQDN"),
    ("tenable-io-legacy", "Plugin ID,CVE,CVSS,Risk,Host,Protocol,Port,Name,Vulnerability State"),
    ("tenable-io-legacy", "Plugin ID,CVE,CVSS,Risk,Host,Protocol,Port,Name,FQDN,OS,CVSS Base Score,System Type,Host Start"),
    ("nessus-pro", "Plugin ID,CVE,CVSS,Risk,Host,Protocol,Port,Name,First Discovered,Last Discovered"),
    ("hextrackr", ",".join(name for name, column in COLUMNS.items() if not column.on_request)),
    ("generic", "hostname,ip_address,severity,plugin_name,plugin_id,cve,description,solution,vpr_score,state,first_found,last_found"),
    ("generic", "hostname,ip_address,severity,plugin_name"),
    ("generic", "ip_address,cve,severity"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "header"), HEADERS)
def test_headers(key, header):
    names = header.split(",")
    for ordered in (names, names[::-1], random.Random(7).sample(names, len(names))):
        assert formats.recognise(ordered).format.key == key
        assert formats.is_header(ordered)


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
    assert (scanner or "not from a supported scanner") in refusal.value.detail
    assert (missing or "") in refusal.value.detail


@pytest.mark.parametrize("known", formats.known(), ids=lambda known: known.key)
def test_every_format_is_complete(known):
    """A format names a column for its host, its plugin and its severity, and its own essentials are among its fields."""
    columns = {column for field in known.fields.values() for column in field}
    assert known.fields["severity"]
    assert known.fields["plugin_id"] or known.fields["cves"] or known.fields["title"]
    assert (
        known.fields["asset_id"]
        or known.fields["fqdn"]
        or known.fields["ip"]
        or known.fields["host"]
        or known.fields["name"]
    )
    assert {column for group in known.essential.values() for column in group} <= columns
    assert set(known.severities.values()) <= {0, 1, 2, 3, 4}


def test_keys_are_unique():
    keys = [known.key for known in formats.known()]
    assert len(keys) == len(set(keys))


FIXTURES = sorted((Path(__file__).resolve().parents[1] / "data").glob("*/*.csv"))
#: What alone tells a format from another: without it, only its source can say whose a file is.
TELLING = {("nessus-was", "CVSSv3")}


def headers(path):
    sample = path.read_bytes()[: dialect.SAMPLE_BYTES]
    found = dialect.detect(sample, complete=path.stat().st_size <= dialect.SAMPLE_BYTES, is_header=formats.is_header)
    known = formats.recognise(found.header).format
    for place, name in enumerate(found.header):
        rest = (*found.header[:place], *found.header[place + 1 :])
        if not known.missing(rest) and (known.key, name) not in TELLING:
            yield known, name, rest


def assert_survives_the_loss_of_any_column(path):
    assert [
        (name, formats.recognise(rest).format.key)
        for known, name, rest in headers(path)
        if formats.recognise(rest).format != known
    ] == []


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_any_column_that_is_not_essential_may_be_missing(path):
    assert_survives_the_loss_of_any_column(path)


def test_any_column_of_a_real_export_may_be_missing(scans):
    for path in sorted(scans.glob("*/*.csv")):
        if path.parent.name != "hostile":
            assert_survives_the_loss_of_any_column(path)


@pytest.mark.parametrize("known", formats.known(), ids=lambda known: known.key)
def test_a_word_for_no_verdict_is_no_state(known):
    assert not set(known.no_verdict) & set(known.states)
    # Of a code that nobody knows Rapid7 cannot mean that it is there: what is has three.
    assert known.other_state == (NO_VERDICT if known.key == "rapid7" else OPEN)
    assert all(word == word.lower() for word in (*known.no_verdict, *known.states))


def test_what_rapid7_says_of_a_test():
    """https://docs.rapid7.com/nexpose/working-with-report-formats"""
    rapid7 = next(known for known in formats.known() if known.key == "rapid7")
    assert {code for code in "nv ov sv".split() if rapid7.states.get(code) == PASSED} == {"nv", "ov", "sv"}
    assert {code for code in "vv ve vp".split() if rapid7.states.get(code) == OPEN} == {"vv", "ve", "vp"}
    assert set("er uk nt sd ds ee ev ep".split()) <= set(rapid7.no_verdict)


NESSUS_WAS = "Plugin ID,CVE,CVSS,CVSSv3,Risk,Host,Protocol,Port,Name\n1,,7.5,7.5,High,{host},tcp,443,Weak cipher\n"
NESSUS_PRO = "Plugin ID,CVE,CVSS,Risk,Host,Protocol,Port,Name\n1,,7.5,High,{host},tcp,443,Weak cipher\n"


def test_a_file_goes_to_the_source_that_knows_its_hosts(run_import):
    """Without ``CVSSv3`` the header is that of Nessus Professional."""
    run_import(NESSUS_WAS.format(host="shop.example.org").encode())
    again = run_import(NESSUS_PRO.format(host="shop.example.org").encode())
    assert (again.scanner, again.inserted, again.unchanged, again.resolved) == ("nessus-was", 0, 1, 0)


@pytest.mark.parametrize(("host", "label"), [("another.example.org", ""), ("shop.example.org", "another source")])
def test_a_file_of_other_hosts_or_another_label_is_taken_as_it_is(run_import, host, label):
    run_import(NESSUS_WAS.format(host="shop.example.org").encode())
    assert run_import(NESSUS_PRO.format(host=host).encode(), source_label=label).scanner == "nessus-pro"


def test_a_file_goes_to_the_source_of_its_own_format_first(run_import):
    run_import(NESSUS_PRO.format(host="other.example.org").encode())
    run_import(NESSUS_WAS.format(host="shop.example.org").encode())
    assert run_import(NESSUS_PRO.format(host="shop.example.org").encode(), confirmed=True).scanner == "nessus-pro"


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
