"""The pages: they render, carry their headers, and break in words."""

from __future__ import annotations

import io
import re

import pytest

from hextrackr.ingest.formats import custom
from hextrackr.web import pages
from tests.support.exports import scan


@pytest.mark.parametrize("path", ["/", "/imports", "/vulnerabilities", "/data"])
def test_a_page_renders_with_its_policy(client, path):
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


def test_an_unknown_page_is_a_page(client):
    answer = client.get("/nothing")
    assert (answer.status_code, answer.mimetype) == (404, "text/html")


def test_every_static_file_a_page_names_exists(client):
    for path in ("/", "/imports", "/vulnerabilities", "/data"):
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
    assert '<a href="/vulnerabilities?search=web1&amp;state=all">web1</a>' in page.text  # before any script has run
    assert client.get("/imports/2").status_code == 404


def test_the_mapping_page_offers_every_scale():
    assert list(pages.SCALES) == list(custom.SCALES)
