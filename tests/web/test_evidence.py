"""Evidence and details as the API answers them: beside a finding, a host, a vulnerability; searched and exported when that is asked for."""

from __future__ import annotations

import csv
import io

import pytest

from tests.support.exports import COLUMNS, export, row
from tests.support.importer import importer

SHELL = "=cmd|' /C calc'!A0"
SAW = 'Line 1\n<script>alert(1)</script> "quoted", äöü'


@pytest.fixture
def imported(engine, config, tmp_path):
    rows = [
        row(host="a", asset_name="alpha", plugin="1", title="Old TLS", output=SAW) | {"asset.tags": "prod", "definition.cwe": "79"},
        row(host="b", asset_name="beta", plugin="1", title="Old TLS", output=SAW),
        row(host="c", asset_name="gamma", plugin="2", title="Other", output=SHELL),
        row(host="d", asset_name="delta", plugin="3", title="None"),
    ]  # fmt: skip
    content = export(rows, columns=(*COLUMNS, "output", "asset.tags", "definition.cwe"))
    assert importer(engine, config.database_url, tmp_path)(content).state == "completed"


def hosts(client, query):
    return sorted(finding["host"] for finding in client.get(f"/api/vulnerabilities?{query}").json["data"])


def one(client, host):
    [finding] = client.get(f"/api/vulnerabilities?host={host}").json["data"]
    return client.get(f"/api/vulnerabilities/{finding['id']}").json


def test_a_finding_has_its_evidence(client, imported):
    assert one(client, "alpha")["evidence"] == one(client, "beta")["evidence"] == SAW
    assert one(client, "delta")["evidence"] is None
    assert "evidence" not in client.get("/api/vulnerabilities").json["data"][0]


def test_hosts_and_vulnerabilities_have_their_details(client, imported):
    finding = one(client, "alpha")
    assert client.get(f"/api/hosts/{finding['hostId']}").json["details"] == {"Tags": "prod"}
    assert client.get(f"/api/definitions/{finding['definitionId']}").json["details"] == {"CWE": "79"}
    assert client.get(f"/api/hosts/{one(client, 'delta')['hostId']}").json["details"] == {}
    page = client.get(f"/hosts/{finding['hostId']}").text
    assert "<dt>Tags</dt>" in page and "prod" in page
    assert "<dt>CWE</dt>" in client.get(f"/definitions/{finding['definitionId']}").text


def test_evidence_is_searched_when_that_is_asked_for(client, imported):
    assert hosts(client, "search=line 1") == []
    assert hosts(client, "search=line 1&searchEvidence=true") == ["alpha", "beta"]
    assert hosts(client, "search=gamma&searchEvidence=true") == ["gamma"]
    assert hosts(client, "search=calc&searchEvidence=true&severity=high") == ["gamma"]
    assert hosts(client, "search=nowhere&searchEvidence=true") == []
    assert hosts(client, "search=1 alpha line&searchIn=evidence") == ["alpha"]
    groups = client.get("/api/vulnerabilities/groups?by=definition&search=line 1&searchEvidence=true").json["data"]
    assert [(group["title"], group["findings"]) for group in groups] == [("Old TLS", 2)]
    found = client.get("/api/vulnerabilities/export.json?search=line 1&searchEvidence=true").json
    assert sorted(finding["host"] for finding in found) == ["alpha", "beta"]


def test_evidence_is_exported_when_that_is_asked_for(client, imported):
    answer = client.get("/api/vulnerabilities/export.csv?evidence=true")
    told = {finding["host"]: finding["evidence"] for finding in csv.DictReader(io.StringIO(answer.text, newline=""))}
    assert told == {"alpha": SAW, "beta": SAW, "gamma": f"'{SHELL}", "delta": ""}
    assert {finding["host"]: finding["evidence"] for finding in client.get("/api/vulnerabilities/export.json?evidence=true").json} == {
        "alpha": SAW, "beta": SAW, "gamma": SHELL, "delta": None
    }  # fmt: skip
    assert "evidence" not in client.get("/api/vulnerabilities/export.csv").text.splitlines()[0]
    assert "evidence" not in client.get("/api/vulnerabilities/export.json").json[0]
