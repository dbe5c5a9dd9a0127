"""Rows of a record that was made before values were bounded: answers stay short, and no question keeps the server."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import insert, text

from hextrackr import database
from hextrackr.db import transactions
from hextrackr.domain.models import (
    Asset,
    Definition,
    DefinitionCve,
    Finding,
    Import,
    Severity,
    Sighting,
    Source,
    StateTotal,
)
from hextrackr.extensions import db
from hextrackr.queries import findings, summaries
from hextrackr.web import imports

FINDINGS, CVES = 60, 3_000
LONG = "Long title " * 90_000


@pytest.fixture
def overlong(engine):
    """Findings of one definition with a title of a megabyte and thousands of CVEs, on hosts with long names."""
    day = date(2026, 8, 20)
    host = lambda number: f"host-{number}." + "x" * 5_000  # noqa: E731
    with engine.begin() as connection:
        add = lambda model, *rows: connection.execute(insert(model), list(rows))  # noqa: E731
        add(Source, {"id": 1, "scanner": "nessus", "label": ""})
        add(Sighting, {"id": 1, "source_id": 1, "day": day})
        add(
            Definition, {"id": 1, "source_id": 1, "key": "1", "title": LONG, "family": "f" * 9_000, "description": LONG}
        )
        add(DefinitionCve, *({"definition_id": 1, "cve": f"CVE-2026-{number:05}"} for number in range(CVES)))
        add(
            Asset,
            *(
                {"id": n, "source_id": 1, "key": f"k{n}", "name": host(n), "fqdn": host(n)}
                for n in range(1, FINDINGS + 1)
            ),
        )
        add(Finding, *({"id": n, "source_id": 1, "asset_id": n, "definition_id": 1, "sighting_id": 1, "port": 0, "protocol": "tcp",
                        "severity": Severity.HIGH, "lifecycle": "active", "first_seen": day} for n in range(1, FINDINGS + 1)))  # fmt: skip
        add(
            StateTotal,
            {"source_id": 1, "lifecycle": "active", "severity": Severity.HIGH, "findings": FINDINGS, "vpr_sum": 0},
        )


def test_a_list_has_the_beginning_of_a_text_and_says_how_many_cves_there_are(client, overlong):
    answer = client.get("/api/vulnerabilities?limit=500")
    [first, *_] = rows = answer.json["data"]
    assert len(rows) == FINDINGS
    assert len(answer.data) < FINDINGS * 10_000
    assert (len(first["title"]), first["title"][-1]) == (findings.TEXT, "\u2026")
    assert LONG.startswith(first["title"][:-1])
    assert len(first["host"]) == len(first["family"]) == findings.TEXT
    assert (len(first["cves"]), first["cvesTotal"]) == (findings.CVES, CVES)
    assert first["cves"] == sorted(first["cves"])


def test_the_page_of_one_finding_has_the_whole_title(client, overlong):
    told = client.get("/api/vulnerabilities/1").json
    assert (told["title"], told["description"]) == (LONG, LONG)
    assert (len(told["cves"]), told["cvesTotal"]) == (findings.CVES, CVES)
    assert told["historyTotal"] == len(told["history"])


def test_the_page_of_a_definition_and_of_a_cve(client, overlong):
    told = client.get("/api/definitions/1").json
    assert (told["title"], len(told["cves"]), told["cvesTotal"]) == (LONG, summaries.CVES, CVES)
    told = client.get("/api/cves/cve-2026-00001").json
    assert (told["definitionsTotal"], told["open"]) == (1, FINDINGS)
    assert len(told["definitions"][0]["title"]) == findings.TEXT
    assert client.get("/definitions/1").status_code == client.get("/cves/CVE-2026-00001").status_code == 200


def test_groups(client, overlong):
    for filtered in ["", "&search=long"]:
        for by in ["host", "definition", "cve"]:
            answer = client.get(f"/api/vulnerabilities/groups?by={by}&limit=500{filtered}")
            assert answer.status_code == 200
            assert len(answer.data) < 500 * 2_000


def test_a_long_title_is_found_by_its_beginning(client, overlong):
    assert client.get("/api/vulnerabilities?search=long+title").json["pagination"]["total"] == FINDINGS
    assert (
        client.get("/api/vulnerabilities", query_string={"search": ("g" * 199) + "h"}).json["pagination"]["total"] == 0
    )


#: As slow as one likes, on either database.
SLOW = text("""
    WITH RECURSIVE counted (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM counted WHERE number < 100000000)
    SELECT max(number) FROM counted
""")


def test_a_question_that_takes_too_long_is_ended_and_says_so(app, client, monkeypatch):
    monkeypatch.setattr(transactions, "STATEMENT_SECONDS", 0.2)
    app.add_url_rule("/api/slow", "slow", lambda: {"data": db.session.scalar(SLOW)}, methods=["GET", "POST"])
    for ask in (client.get, client.post):
        answer = ask("/api/slow")
        assert (answer.status_code, answer.json["error"]["code"]) == (503, "QUERY_TOO_SLOW")
    assert client.get("/api/imports").status_code == 200  # on the same connection


def test_many_questions_of_one_request_together_take_no_longer(app, client, monkeypatch):
    monkeypatch.setattr(database, "REQUEST_SECONDS", 0.2)

    def ask():
        while True:
            db.session.scalar(text("SELECT 1"))
            db.session.scalar(SLOW)

    app.add_url_rule("/api/slow", "slow", ask)
    assert client.get("/api/slow").json["error"]["code"] == "QUERY_TOO_SLOW"


def test_what_nobody_waits_for_takes_its_time(app, monkeypatch):
    monkeypatch.setattr(transactions, "STATEMENT_SECONDS", 0.0)
    with app.app_context():
        short = text(str(SLOW).replace("100000000", "200000"))
        assert db.session.scalar(short) == 200_000


def test_rejected_rows_are_read_some_at_a_time(client, engine, monkeypatch):
    monkeypatch.setattr(imports, "REJECTS", 3)
    with engine.begin() as connection:
        connection.execute(
            insert(Import),
            {"id": 1, "session_id": "s", "filename": "f", "file_size": 1, "created_at": 1, "state": "completed"},
        )
        for number in range(10):
            connection.execute(
                text(
                    "INSERT INTO rejects (import_id, line, \"column\", value, reason) VALUES (1, :line, 'c', :value, 'r')"
                ),
                {"line": 7 - number // 2, "value": str(number)},
            )
    lines = client.get("/api/imports/1/rejects.csv").text.splitlines()
    assert [line.split(",")[0] for line in lines] == ["line", *(str(3 + n // 2) for n in range(10))]
    assert {line.split(",")[2] for line in lines[1:]} == {str(n) for n in range(10)}
