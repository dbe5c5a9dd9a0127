"""Every figure that a page shows, against a plain count of the findings, after random imports and undos."""

from __future__ import annotations

import random
from datetime import date, timedelta

import pytest

from config import TestingConfig
from hextrackr.db import engines
from hextrackr.domain import undo
from hextrackr.domain.models import ImportMode, ImportState
from hextrackr.queries import trends
from tests.support import databases
from tests.support.reference_model import Row
from tests.support.staging import promote

FIRST_DAY = date(2026, 8, 1)
SEVERITIES = {"critical": 4, "high": 3, "medium": 2, "low": 1, "info": 0}
OPEN = "lifecycle <> 'resolved'"


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """A record for the tests of this file, as they only ask."""
    instance = tmp_path_factory.mktemp("figures")
    config = TestingConfig(INSTANCE_PATH=instance, DATABASE_URL=databases.url(instance))
    engine = engines.open_database(config.database_url)
    scanned(engine, random.Random(1))
    engine.dispose()
    yield config
    databases.drop(instance)


def scanned(engine, rng):
    """Take in weekly scans of two sources, some in part, one late, one undone."""

    def scan(source, week, mode=ImportMode.FULL):
        rows = {
            (f"{source}-host-{host}", f"plugin-{plugin}", rng.choice([0, 443])): Row(
                rng.randrange(5), rng.choice([0, 1, 1, 1, 1, 2]), rng.choice([None, 5.0, 9.9])
            )
            for host in range(4)
            for plugin in range(5)
            if rng.random() < 0.6
        }
        number, state = promote(engine, source, FIRST_DAY + timedelta(weeks=week), mode, rows)
        assert state == ImportState.COMPLETED
        return number

    for week in range(4):
        for source in "ab":
            scan(source, week, rng.choice(list(ImportMode)))
    scan("a", 1)
    undo.undo_import(engine, scan("b", 6))


def by_severity(query, condition="1 = 1", counted="count(*)"):
    return {
        name: query(f"SELECT {counted} FROM findings WHERE severity = {value} AND {OPEN} AND {condition}")[0][0]
        for name, value in SEVERITIES.items()
    }


def test_totals(client, query):
    stats = client.get("/api/vulnerabilities/stats").json
    assert stats["bySeverity"] == by_severity(query)
    assert stats["open"] == sum(stats["bySeverity"].values())
    assert stats["hosts"] == query("SELECT count(*) FROM assets")[0][0]
    assert stats["vprSum"] == pytest.approx(query(f"SELECT sum(vpr) FROM findings WHERE {OPEN}")[0][0])


def test_the_last_scans_changed_what_their_imports_say(client, query):
    told = client.get("/api/vulnerabilities/stats").json["lastScans"]
    assert (told["from"], told["to"]) == ("2026-08-22", "2026-08-22")
    marks = ", ".join(map(str, told["importIds"]))
    figures = query(f"SELECT sum(inserted), sum(resolved), sum(reopened) FROM imports WHERE id IN ({marks})")[0]
    kinds = ("opened", "resolved", "reopened")
    assert tuple(sum(told["bySeverity"][name][kind] for name in SEVERITIES) for kind in kinds) == figures
    before, now = client.get("/api/trends").json["data"][-2:]
    assert {name: told["bySeverity"][name]["change"] for name in SEVERITIES} == {
        name: now["open"][name] - before["open"][name] for name in SEVERITIES
    }


def test_the_last_point_of_the_trend_is_what_is_open(client, query):
    points = client.get("/api/trends").json["data"]
    assert [point["day"] for point in points] == ["2026-08-01", "2026-08-08", "2026-08-15", "2026-08-22"]
    assert points[-1]["open"] == by_severity(query)
    assert points[-1]["total"] == sum(points[-1]["open"].values())
    [source] = [row for row in client.get("/api/sources").json["data"] if row["source"] == "a"]
    ours = client.get(f"/api/trends?source={source['sourceId']}&from=2026-08-10&to=2026-08-22").json["data"]
    assert [point["day"] for point in ours] == ["2026-08-15", "2026-08-22"]
    assert ours[-1]["open"] == by_severity(query, f"source_id = {source['sourceId']}")
    assert ours[-1]["total"] == source["open"]


def test_states_and_sources(client, query):
    stats = client.get("/api/vulnerabilities/stats").json
    assert stats["total"] == query("SELECT count(*) FROM findings")[0][0]
    states = dict(query("SELECT lifecycle, count(*) FROM findings GROUP BY 1"))
    assert stats["byState"] == {name: states.get(name, 0) for name in ("active", "reopened", "resolved", "retired")}
    is_open = dict(query(f"SELECT source_id, count(*) FROM findings WHERE {OPEN} GROUP BY 1"))
    assert {row["sourceId"]: row["open"] for row in client.get("/api/sources").json["data"]} == is_open


#: A figure of an import, as its page and the dashboard show it -> the events that its link lists.
LINKED = {"inserted": "opened", "updated": "changed", "reopened": "reopened", "resolved": "resolved"}


def standing_imports(client, query, label):
    """The imports of a source that were not taken back and did not come late, the newest first."""
    ids = query(
        "SELECT imports.id FROM imports JOIN sources ON sources.id = source_id WHERE label = ? ORDER BY 1 DESC", label
    )
    records = [client.get(f"/api/imports/{number}").json for (number,) in ids]
    return [record for record in records if record["undoneAt"] is None and not record["summary"].get("late")]


def test_each_figure_of_an_import_leads_to_as_many_findings(client, query):
    # In source a, a scan that came late has told anew what the later ones changed.
    records = [*standing_imports(client, query, "b"), *standing_imports(client, query, "a")[-2:]]
    assert len(records) == 6
    for record in records:
        for figure, kind in LINKED.items():
            address = f"/api/vulnerabilities?changedBy={record['importId']}&change={kind}"
            assert client.get(address).json["pagination"]["total"] == record[figure], (record["importId"], figure)
            of_severities = record["summary"]["bySeverity"].values()
            assert sum(told[figure] for told in of_severities) == record[figure]


def test_what_is_open_after_the_last_import_of_a_source(client, query):
    for source in client.get("/api/sources").json["data"]:
        told = standing_imports(client, query, source["source"])[0]["summary"]["bySeverity"]
        assert {name: told[name]["open"] for name in SEVERITIES} == by_severity(
            query, f"source_id = {source['sourceId']}"
        )


def test_hosts_definitions_and_cves(client, query):
    subjects = {
        "hosts": ("asset_id", query("SELECT id FROM assets")),
        "definitions": ("definition_id", query("SELECT id FROM definitions")),
    }
    for path, (column, ids) in subjects.items():
        for (number,) in ids:
            agrees(client.get(f"/api/{path}/{number}").json, query, f"{column} = {number}")
    for (cve,) in query("SELECT DISTINCT cve FROM definition_cves"):
        condition = f"definition_id IN (SELECT definition_id FROM definition_cves WHERE cve = '{cve}')"
        agrees(client.get(f"/api/cves/{cve.lower()}").json, query, condition)


def agrees(told, query, condition):
    assert told["bySeverity"] == by_severity(query, condition)
    assert told["open"] == sum(told["bySeverity"].values())
    hosts, oldest, vpr = query(
        f"SELECT count(DISTINCT asset_id), min(first_seen), sum(vpr) FROM findings WHERE {OPEN} AND {condition}"
    )[0]
    assert (told["openHosts"], told["oldest"], told["vprSum"]) == (hosts, oldest, pytest.approx(vpr or 0))
    # A scan that covers a part of its hosts, or comes late, leaves the same as the record says.
    assert told["history"][-1]["open"] == told["open"]


@pytest.mark.parametrize(
    ("gaps", "usual"), [([], None), ([7], 7), ([7, 7, 21], 7), ([1, 1, 1, 30], 1), ([30] * 5 + [7] * 9, 7)],
    ids=["one", "two", "weekly", "daily", "changed"],
)  # fmt: skip
def test_the_usual_interval(gaps, usual):
    days = [FIRST_DAY]
    for gap in gaps:
        days.append(days[-1] + timedelta(days=gap))
    assert trends.usual_interval(days) == usual


@pytest.mark.parametrize(
    ("days", "usual", "quiet"),
    [(7, 7, False), (10, 7, False), (11, 7, True), (2, 1, False), (4, 1, True), (400, None, False)],
)
def test_a_source_that_missed_a_scan_is_quiet(days, usual, quiet):
    assert trends.is_quiet(days, usual) is quiet


@pytest.mark.parametrize(("scans", "usual"), [(0, None), (1, None), (2, None), (3, 7), (4, 7)])
def test_three_scans_show_the_rhythm_of_a_source(scans, usual):
    assert trends.rhythm([FIRST_DAY + timedelta(weeks=week) for week in range(scans)]) == usual
