"""Numbers that no row can have and texts that no column can hold find nothing, and break nothing."""

from __future__ import annotations

import io

import pytest

from tests.support.exports import scan

HUGE = (2**31, 2**53, 2**53 + 1, 2**63, 10**30)


@pytest.mark.parametrize("number", HUGE)
@pytest.mark.parametrize("path", ["hosts", "definitions", "imports", "vulnerabilities"])
def test_a_number_in_a_path(client, path, number):
    for page in (f"/api/{path}/{number}", f"/{path}/{number}"):
        assert client.get(page).status_code == 404


@pytest.mark.parametrize("name", ["host", "definition", "source", "changedBy"])
def test_a_number_in_a_filter(working, client, name):
    client.post("/api/vulnerabilities/import", data={"csvFile": (io.BytesIO(scan([1])), "scan.csv")})
    for path in ("vulnerabilities", "vulnerabilities/groups"):
        answer = client.get(f"/api/{path}?{name}={2**31 - 1}")
        assert (answer.status_code, answer.json["data"]) == (200, [])
        for number in HUGE:
            assert client.get(f"/api/{path}?{name}={number}").status_code == 400
    assert client.get(f"/api/vulnerabilities/export.csv?{name}={2**31 - 1}").text.count("\n") <= 1


@pytest.mark.parametrize(
    "path",
    ["vulnerabilities?search=%00", "vulnerabilities?search=a%00b", "vulnerabilities?family=%00", "vulnerabilities?host=%ED%A0%80",
     "vulnerabilities?protocol=%00", "vulnerabilities/groups?cve=%00", "imports?page=1&q=%00", "sources", "trends?source=1"],
)  # fmt: skip
def test_a_text_in_a_filter(client, path):
    answer = client.get(f"/api/{path}")
    assert (answer.status_code, answer.json["data"]) == (200, [])


@pytest.mark.parametrize("name", ["%00", "CVE%00", "%ED%A0%80", "x" * 5000])
def test_a_text_in_a_path(client, name):
    for page in (f"/api/cves/{name}", f"/cves/{name}"):
        assert client.get(page).status_code == 404
