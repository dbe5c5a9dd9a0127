"""What changed, what was open and how long that took, after random scans, against the plain model of the lifecycle."""

from __future__ import annotations

import random
from calendar import monthrange
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from statistics import median

import pytest

from hextrackr.db import engines
from hextrackr.domain import undo
from hextrackr.domain.models import Import, ImportMode, Severity
from tests.support.reference_model import Finding, Key, PlainSource, Row
from tests.support.staging import promote

FIRST_DAY, TODAY = date(2026, 5, 4), date(2026, 8, 20)
FULL = ImportMode.FULL


@dataclass
class Scan:
    """What a scan did, as the plain model has it: the keys of the findings by what became of them, and all of them after it."""

    source: str
    day: date
    is_first: bool
    finished_at: int
    changed: dict[str, set[Key]]
    after: dict[Key, Finding] = field(default_factory=dict)


@pytest.fixture(scope="module")
def scans(config):
    """Scans of two sources, of a in every second week, and of b now and then; one import is undone."""
    engine = engines.open_database(config.database_url)
    rng = random.Random(11)
    sources = {"a": PlainSource(), "b": PlainSource()}
    done: list[Scan] = []
    for days, source in [*((14 * n, "a") for n in range(8)), *((30 * n + 20, "b") for n in range(3))]:
        day = FIRST_DAY + timedelta(days=days)
        mode = rng.choice(list(ImportMode))
        rows = {
            (f"{source}-{host}", f"plugin-{plugin}", 0): Row(rng.randrange(5), rng.choice([0, 1, 1, 1, 1, 2]))
            for host in range(5)
            for plugin in range(days // 20, days // 20 + 6)  # what stands open changes with the months
            if rng.random() < 0.6
        }
        model = sources[source]
        before = dict(model.findings)
        number, _ = promote(engine, source, day, mode, rows)
        is_first = not model.scans
        model.take(day, mode, rows)
        done.append(Scan(source, day, is_first, number, _changed(before, model.findings), dict(model.findings)))
    undo.undo_import(engine, promote(engine, "b", TODAY, FULL, {("b-9", "plugin-1", 0): Row(4, 1)})[0])
    with engine.begin() as connection:
        for hour, scan in enumerate(done):  # their ids stand in for the instants at which they were imported
            table = Import.__table__
            connection.execute(
                table.update().where(table.c.id == scan.finished_at).values(finished_at=hour * 3_600_000)
            )
            scan.finished_at = hour * 3_600_000
    engine.dispose()
    return done


def _changed(before: dict[Key, Finding], after: dict[Key, Finding]) -> dict[str, set[Key]]:
    return {
        "opened": after.keys() - before.keys(),
        "reopened": {
            key for key, was in before.items() if was.lifecycle != "reopened" and after[key].lifecycle == "reopened"
        },
        "resolved": {key for key, was in before.items() if was.is_open and not after[key].is_open},
    }


def counted(scans, kind):
    return len(set().union(*(scan.changed[kind] for scan in scans)))


def expected_changes(scans):
    firsts, others = ([scan for scan in scans if scan.is_first is which] for which in (True, False))
    return {
        "opened": counted(others, "opened"),
        "firstScans": counted(firsts, "opened"),
        "reopened": counted(scans, "reopened"),
        "resolved": counted(scans, "resolved"),
    }


def of_source(scans, label):
    return [scan for scan in scans if scan.source == label]


def number_of(ask, label):
    return next(row["sourceId"] for row in ask("sources")["data"] if row["source"] == label)


def figures(answer):
    return {name: answer[name]["findings"] for name in ("opened", "firstScans", "reopened", "resolved")}


def test_what_changed_in_the_last_days_and_in_those_before(scans, ask):
    for today in (FIRST_DAY + timedelta(days=days) for days in range(0, 110, 7)):
        for days in (7, 30):
            answer = ask("recent_changes", today=str(today), days=str(days))
            now, before = (
                [scan for scan in scans if 0 <= (end - scan.day).days < days]
                for end in (today, today - timedelta(days))
            )
            assert figures(answer) == expected_changes(now)
            assert {name: answer[name]["before"] for name in figures(answer)} == expected_changes(before)
            assert answer["firstScans"]["sources"] == sum(scan.is_first for scan in now)
            assert answer["scannedBefore"] == bool(before)


def test_whether_a_source_was_scanned_in_the_days_before(scans, ask):
    for label in {scan.source for scan in scans}:
        for today in (FIRST_DAY + timedelta(days=days) for days in range(0, 110, 7)):
            answer = ask("recent_changes", today=str(today), days="7", source=str(number_of(ask, label)))
            before = [scan for scan in of_source(scans, label) if 7 <= (today - scan.day).days < 14]
            assert answer["scannedBefore"] == bool(before)


def test_what_was_imported_after_an_instant(scans, ask):
    for number, scan in enumerate(scans):
        answer = ask("recent_changes", importedAfter=str(scan.finished_at))
        assert figures(answer) == expected_changes(scans[number + 1 :])
        assert (answer["lastImported"], answer["opened"]["before"]) == (scans[-1].finished_at, None)


def test_each_figure_has_the_filters_of_its_list(scans, ask):
    found = 0
    for today in ("2026-05-24", "2026-06-25", "2026-08-12"):
        answer = ask("recent_changes", today=today, days="30") | ask("response_times", today=today)
        times = answer["timeToResolve"]["bySeverity"].values()
        for figure in (*(answer[name] for name in figures(answer)), answer["overdue"], *times):
            total = ask("list_findings", today=today, **figure["filters"])["pagination"]["total"]
            assert total == figure["findings"]
            found += total
    assert found > 100


@pytest.mark.parametrize("label", ["", "a", "b"])
def test_what_changed_week_by_week(scans, ask, label):
    wanted = of_source(scans, label) if label else scans
    query = {"source": str(number_of(ask, label))} if label else {}
    weeks = defaultdict(list)
    for scan in wanted:
        weeks[scan.day - timedelta(days=scan.day.weekday())].append(scan)
    monday, expected = min(weeks), []
    while monday <= max(weeks):
        of_week = weeks.get(monday, [])
        expected.append({"week": str(monday), "scans": len(of_week), **expected_changes(of_week)})
        monday += timedelta(days=7)
    answer = ask("changes_by_week", **query)["data"]
    assert answer == expected
    some = ask("changes_by_week", **query, **{"from": answer[2]["week"], "to": answer[4]["week"]})["data"]
    assert [row for row in some if row["scans"]] == [row for row in expected[2:5] if row["scans"]]


@pytest.mark.parametrize("label", ["", "a", "b"])
def test_what_was_open_at_the_end_of_each_month_and_how_old_it_was(scans, ask, label):
    wanted = of_source(scans, label) if label else scans
    expected = []
    for month in sorted({(scan.day.year, scan.day.month) for scan in wanted}):
        day = min(date(*month, monthrange(*month)[1]), TODAY)
        newest = {scan.source: scan for scan in sorted(wanted, key=lambda scan: scan.day) if scan.day <= day}
        is_open = [finding for scan in newest.values() for finding in scan.after.values() if finding.is_open]
        expected.append({
            "month": f"{day:%Y-%m}", "day": str(day),
            "open": _by_severity(is_open, len), "medianAge": _by_severity(is_open, partial(_median_age, day)),
        })  # fmt: skip
    query = {"source": str(number_of(ask, label))} if label else {}
    assert ask("open_by_month", today=str(TODAY), **query)["data"] == expected
    assert ask("open_by_month", today=str(TODAY), **query, **{"from": "2026-06-15"})["data"] == expected[1:]


def _by_severity(found, counted):
    return {
        severity.name.lower(): counted([finding for finding in found if finding.severity == severity])
        for severity in reversed(Severity)
    }


def _median_age(day, found):
    return median((day - finding.first_seen).days for finding in found) if found else None


def test_how_long_it_took_to_resolve_what_was_resolved_in_each_month(scans, ask):
    newest = {scan.source: scan for scan in scans}
    resolved = [finding for scan in newest.values() for finding in scan.after.values() if not finding.is_open]
    expected = []
    for month in sorted({f"{finding.resolved_on:%Y-%m}" for finding in resolved}):
        of_month = [finding for finding in resolved if f"{finding.resolved_on:%Y-%m}" == month]
        expected.append({
            "month": month, "resolved": _by_severity(of_month, len), "medianDays": _by_severity(of_month, _days_to_resolve),
        })  # fmt: skip
    assert len(expected) > 1
    assert ask("resolved_by_month")["data"] == expected


def _days_to_resolve(found):
    return median((finding.resolved_on - finding.first_seen).days for finding in found) if found else None


def test_the_response_times_are_those_of_the_last_days(scans, ask):
    newest = {scan.source: scan for scan in scans}
    findings = [finding for scan in newest.values() for finding in scan.after.values()]
    answer = ask("response_times", today=str(TODAY))
    late = [each for each in findings if each.is_open and each.severity == 4 and (TODAY - each.first_seen).days > 30]
    assert answer["overdue"]["findings"] == len(late) > 0
    resolved = [each for each in findings if not each.is_open and (TODAY - each.resolved_on).days < 90]
    times = answer["timeToResolve"]["bySeverity"]
    assert {name: time["findings"] for name, time in times.items()} == _by_severity(resolved, len)
    assert {name: time["medianDays"] for name, time in times.items()} == _by_severity(resolved, _days_to_resolve)
    assert Counter(each.severity for each in resolved)[4] > 0


def test_there_is_nothing_of_a_source_that_does_not_exist(ask):
    assert ask("changes_by_week", source="99")["data"] == []
    assert ask("open_by_month", source="99")["data"] == []
    assert ask("resolved_by_month", source="99")["data"] == []
