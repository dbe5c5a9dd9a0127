"""Exported files of findings: the same as the list, whatever filters it and whatever the cells hold."""

from __future__ import annotations

import csv
import io
import json
import threading

import pytest

from hextrackr.errors import DatabaseUnavailable
from hextrackr.jobs.backups import copying
from hextrackr.web import exports, leads
from hextrackr.web.export_lines import COLUMNS
from tests.support.exports import export, row
from tests.web.filter_cases import FILTERS, together


@pytest.fixture
def upload(working, client):
    def run(content):
        form = {"csvFile": (io.BytesIO(content), "scan.csv")}
        assert client.post("/api/vulnerabilities/import", data=form).status_code == 200

    return run


def in_a_thread(function, *args):
    threading.Thread(target=function, args=args).start()


@pytest.fixture(params=["usual pieces", "small pieces", "one after the other"])
def pieces(request, monkeypatch):
    if request.param != "usual pieces":
        monkeypatch.setattr(exports, "_FOUND", 20)
        monkeypatch.setattr(exports, "_SPAN", 50)
    if request.param == "one after the other":
        monkeypatch.setattr(leads, "MOST", 0)


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


def as_cells(finding):
    """A finding of the list as a CSV says it."""
    texts = {name: "" if finding[name] is None else str(finding[name]) for name in COLUMNS}
    return texts | {"cves": " ".join(finding["cves"])}


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


def test_a_file_holds_what_the_list_shows(client, record, pieces):
    for filters in (*FILTERS, *(filters for filters, _ in together(FILTERS, pairs=10))):
        # The list counts ages from today.
        if "age" in filters:
            continue
        expected = listed(client, filters)
        assert exported_json(client, filters) == [
            {name: finding[name] for name in COLUMNS} for _, finding in sorted(expected.items())
        ], filters
        cells = exported_csv(client, filters)
        assert cells == [as_cells(finding) for _, finding in sorted(expected.items())], filters


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
    assert client.get("/api/vulnerabilities/export.csv").text == ",".join(COLUMNS) + "\r\n"
    assert exported_json(client) == []


def test_each_line_of_a_json_file_is_a_finding(client, record):
    lines = client.get("/api/vulnerabilities/export.json?state=open").text.splitlines()
    assert all(json.loads(line.strip("[],"))["state"] != "resolved" for line in lines)


def test_a_filter_that_does_not_exist_is_refused_before_anything_is_sent(client):
    answer = client.get("/api/vulnerabilities/export.csv?severity=worst")
    assert (answer.status_code, answer.json["error"]["code"]) == (400, "BAD_REQUEST")
    assert client.get("/api/vulnerabilities/export.xml").status_code == 404


def test_the_others_have_their_turn_and_the_file_is_never_whole_in_memory(engine, record, monkeypatch, tmp_path):
    monkeypatch.setattr(exports, "_SPAN", 50)
    monkeypatch.setattr(leads, "MOST", 0)
    turns = []
    export = exports.Export(
        engine, exports.Filters(frozenset(range(15)), None), "csv", folder=tmp_path, start_task=in_a_thread, sleep=turns.append
    )  # fmt: skip
    pieces = list(export.text())
    assert sum(piece.count(b"\n") for piece in pieces) == len(record) + 1
    assert len(turns) >= len(record) // exports._SPAN
    assert list(tmp_path.glob("tmp*")) == []


def between(monkeypatch, happens):
    """Have something happen after the first findings were read, and before the next."""
    monkeypatch.setattr(exports, "_SPAN", 50)
    monkeypatch.setattr(leads, "MOST", 0)
    learn, done = exports.Export._learn, []

    def learned(self, connection, found):
        learn(self, connection, found)
        if not done:
            done.append(happens())

    monkeypatch.setattr(exports.Export, "_learn", learned)
    return done


CHANGES = {
    "changed": ["UPDATE findings SET port = port + 1", "UPDATE assets SET name = 'renamed'", "UPDATE sightings SET day = '2026-08-21'"],
    "gone": ["DELETE FROM finding_changes", "DELETE FROM findings", "DELETE FROM definition_cves", "DELETE FROM sightings"],
    "renumbered": ["DELETE FROM finding_changes", "UPDATE findings SET id = id + 100000"],
}  # fmt: skip


@pytest.mark.parametrize("kind", ["csv", "json"])
@pytest.mark.parametrize("change", CHANGES)
def test_an_export_is_of_one_moment(client, engine, record, monkeypatch, kind, change):
    before = client.get(f"/api/vulnerabilities/export.{kind}").data

    def happens():
        with engine.begin() as connection:
            for statement in CHANGES[change]:
                connection.exec_driver_sql(statement)

    done = between(monkeypatch, happens)
    assert client.get(f"/api/vulnerabilities/export.{kind}").data == before
    assert done
    monkeypatch.undo()
    assert client.get(f"/api/vulnerabilities/export.{kind}").data != before


@pytest.mark.sqlite("PostgreSQL is restored by its own programs")
def test_an_export_across_a_restore_is_of_the_record_before(client, config, record, migrated, monkeypatch):
    before = client.get("/api/vulnerabilities/export.csv").data
    empty, database = migrated / "hextrackr.sqlite3", config.INSTANCE_PATH / "hextrackr.sqlite3"
    done = between(monkeypatch, lambda: copying.put_in_place(empty, database, lambda _: None))
    assert client.get("/api/vulnerabilities/export.csv").data == before
    assert done
    assert exported_csv(client) == []


def test_an_export_that_cannot_go_on_is_never_taken_for_a_whole_one(client, record, monkeypatch):
    session = "6f1c0000-0000-4000-8000-000000000009"

    def fails():
        raise DatabaseUnavailable

    between(monkeypatch, fails)
    answer = client.get(f"/api/vulnerabilities/export.csv?sessionId={session}", buffered=False)
    with pytest.raises(DatabaseUnavailable):
        list(answer.iter_encoded())
    answer.close()
    assert client.get(f"/api/progress/{session}").json["error"]["code"] == "INTERRUPTED"
