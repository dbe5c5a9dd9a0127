"""Exported files of findings: the same as the list, whatever filters it and whatever the cells hold."""

from __future__ import annotations

import csv
import io
import json
import os
import time

import pytest

from hextrackr.queries import columns
from tests.support.exports import export, row

#: What a file has that is asked for without saying what.
COLUMNS = [column.name for column in columns.COLUMNS.values() if not column.on_request]


@pytest.fixture
def upload(working, client):
    def run(content):
        form = {"csvFile": (io.BytesIO(content), "scan.csv")}
        assert client.post("/api/vulnerabilities/import", data=form).status_code == 200

    return run


def exported_csv(client, query=""):
    answer = client.get(f"/api/vulnerabilities/export.csv?{query}")
    assert answer.content_type == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="vulnerabilities.csv"'
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


def exported_json(client, query=""):
    answer = client.get(f"/api/vulnerabilities/export.json?{query}")
    assert answer.content_type == "application/json"
    return answer.json


def listed(client, query=""):
    found, page = [], 1
    while True:
        answer = client.get(f"/api/vulnerabilities?limit=100&page={page}&{query}").json
        found += answer["data"]
        if page >= answer["pagination"]["pages"]:
            return {finding["id"]: finding for finding in found}
        page += 1


def test_an_export_comes_back_in(upload, client):
    """Of several sources it becomes one, and is otherwise the same; texts that a spreadsheet would run as well."""
    upload(export([row(host="one", plugin="1", title="=1+1"), row(host="two", plugin="2", severity="Low")]))
    upload(
        b"Plugin ID,CVE,CVSS,Risk,Host,Protocol,Port,Name\n"
        b'900,"CVE-2026-0001, CVE-2026-0002",9.8,Critical,192.0.2.9,tcp,443,-- dashes\n901,,,None,192.0.2.9,tcp,0,Banner\n'
    )
    before = client.get("/api/vulnerabilities/export.csv").get_data()
    form = {"csvFile": (io.BytesIO(before), "export.csv"), "source": "back"}
    told = client.post("/api/vulnerabilities/import", data=form).json
    assert (told["scanner"], told["inserted"], told["rejected"], told["merged"]) == ("hextrackr", 4, 0, 0)
    own = {"id", "scanner", "source"}
    found = [
        {name: cell for name, cell in finding.items() if name not in own}
        for scanner in (None, "hextrackr")
        for finding in sorted(exported_csv(client), key=lambda each: each["pluginId"])
        if (finding["scanner"] == "hextrackr") == (scanner == "hextrackr")
    ]
    assert found[4:] == found[:4]


NASTY = [
    '=HYPERLINK("http://evil")',
    "+1",
    "-2",
    "@SUM(A1)",
    'a "quoted", one',
    "two\nlines",
    "'quoted",
    "naïve 漢字 \u202e",
    "<b>",
]


def test_text_comes_out_as_it_went_in_but_no_formula_does(client, upload):
    upload(export([row(plugin=f"{n}", title=text) for n, text in enumerate(NASTY)]))
    expected = {finding["pluginId"]: finding["title"] for finding in listed(client).values()}
    assert set(expected.values()) == set(NASTY)
    assert {finding["pluginId"]: finding["title"] for finding in exported_json(client)} == expected
    cells = {line["pluginId"]: line["title"] for line in exported_csv(client)}
    assert cells == {key: f"'{text}" if text[0] in "=+-@" else text for key, text in expected.items()}


def test_a_file_of_nothing_is_a_file(client):
    assert client.get("/api/vulnerabilities/export.csv").text == ",".join(COLUMNS) + "\n"
    assert exported_json(client) == []


def test_each_line_of_a_json_file_is_a_finding(client, upload):
    upload(export([row(plugin=str(number)) for number in range(9)]))
    first, *lines, last = client.get("/api/vulnerabilities/export.json?state=open").text.splitlines()
    assert (first, len(lines), last) == ("[", 9, "]")
    assert all(json.loads(line.strip(","))["state"] != "resolved" for line in lines)


def test_a_filter_that_does_not_exist_is_refused_before_anything_is_sent(client):
    answer = client.get("/api/vulnerabilities/export.csv?severity=worst")
    assert (answer.status_code, answer.json["error"]["code"]) == (400, "BAD_REQUEST")
    assert client.get("/api/vulnerabilities/export.xml").status_code == 404


def test_nothing_is_left_of_a_file_that_was_sent(client, config, upload):
    upload(export([row()]))
    assert exported_csv(client)
    assert list((config.INSTANCE_PATH / "exports").iterdir()) == []


def test_what_a_dead_process_left_goes_with_the_next_export(client, config):
    old, young = (config.INSTANCE_PATH / "exports" / name for name in ("old", "young"))
    for folder in (old, young):
        folder.mkdir(parents=True)
        (folder / "file").write_bytes(b"half of it")
    long_ago = time.time() - 3_600
    os.utime(old, (long_ago, long_ago))
    assert client.get("/api/vulnerabilities/export.csv").status_code == 200
    assert (old.exists(), young.exists()) == (False, True)
