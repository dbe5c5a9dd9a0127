"""The pages: they render, carry their headers, and break in words."""

from __future__ import annotations

import io
import re

import pytest

from hextrackr.ingest.formats import custom
from hextrackr.web import pages
from tests.support.exports import scan


def test_a_page_renders_with_its_policy(client):
    for path in ["/", "/imports", "/trends", "/vulnerabilities", "/data", "/mappings"]:
        answer = client.get(path)
        assert answer.status_code == 200
        policy = answer.headers["Content-Security-Policy"]
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert " style=" not in answer.text
        assert re.search(r"<script(?![^>]*src=)", answer.text) is None


def test_the_home_page_is_the_dashboard(client):
    answer = client.get("/")
    assert answer.status_code == 200
    assert "<h1>Dashboard</h1>" in answer.text


@pytest.mark.parametrize("path", ["/hosts/1", "/definitions/1", "/cves/CVE-2024-1"])
def test_there_is_no_page_for_what_is_not_on_record(client, path):
    assert client.get(path).status_code == 404


def test_a_host_is_found_by_its_name_or_address(working, client):
    client.post("/api/vulnerabilities/import", data={"csvFile": (io.BytesIO(scan([1])), "scan.csv")})
    for name in ("web1", "WEB1."):
        assert client.get(f"/hosts/{name}").location == "/hosts/1"
    assert '<a href="/vulnerabilities" aria-current="true">' in client.get("/hosts/1").text


def test_the_page_of_a_host_names_each_of_its_sources(working, client):
    for source in ("Berlin", "Rome"):
        form = {"csvFile": (io.BytesIO(scan([1])), "scan.csv"), "source": source}
        client.post("/api/vulnerabilities/import", data=form)
    shown = client.get("/hosts/1").text
    for source in ("Berlin", "Rome"):
        assert f"Tenable Vulnerability Management · {source}" in shown
    assert [change["source"] for change in client.get("/api/hosts/1").json["history"]] == ["Berlin", "Rome"]


def test_what_is_missing_is_named_with_the_way_back(client):
    answer = client.get("/hosts/<web9>", headers={"Referer": "http://localhost/vulnerabilities?search=web"})
    assert answer.status_code == 404
    assert '<h1 class="import-name">There is no host &#39;&lt;web9&gt;&#39;</h1>' in answer.text
    assert '<a class="btn btn-primary" href="/vulnerabilities?search=web">' in answer.text
    assert "where you were" not in client.get("/hosts/9", headers={"Referer": "http://elsewhere/"}).text
    assert '<h1 class="import-name">There is no import 9</h1>' in client.get("/imports/9").text


def test_an_unknown_page_is_a_page(client):
    answer = client.get("/nothing")
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert '<h1 class="import-name">No page /nothing</h1>' in answer.text


def test_every_static_file_a_page_names_exists(client):
    for path in ("/", "/imports", "/trends", "/vulnerabilities", "/data"):
        for name in re.findall(r'"(/static/[^"]+)"', client.get(path).text):
            answer = client.get(name)
            assert answer.status_code == 200, name
            answer.close()


def test_health(client):
    assert client.get("/health").json["status"] == "ok"


def test_an_imports_own_page(working, client):
    form = {"csvFile": (io.BytesIO(scan([1])), "<b>scan.csv")}
    client.post("/api/vulnerabilities/import", data=form)
    page = client.get("/imports/1")
    assert page.status_code == 200
    assert "&lt;b&gt;scan.csv" in page.text
    assert '<a href="/hosts/web1">web1</a>' in page.text  # before any script has run
    assert client.get("/imports/2").status_code == 404


def test_the_mapping_page_offers_every_scale():
    assert list(pages.SCALES) == list(custom.SCALES)
