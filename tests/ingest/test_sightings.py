"""When findings were seen last: told for many at once, and still right for each."""

from __future__ import annotations

import os
import random

import pytest

from hextrackr.domain import undo
from hextrackr.ingest import staging
from tests.support.exports import export, row
from tests.support.sql import LAST_SEEN
from tests.support.staging import dump

SEEN = f"SELECT {LAST_SEEN}, count(*) FROM findings f GROUP BY 1 ORDER BY 1"
SIGHTINGS = "SELECT day, (SELECT count(*) FROM findings WHERE sighting_id = s.id) FROM sightings s ORDER BY s.id"


def day(number):
    return f"2026-08-{number:02}"


def seen(number, *hosts, **cells):
    return [row(host=f"host-{host}", last_seen=f"{day(number)}T03:00:00Z", **cells) for host in hosts]


#: Each week: its rows, how it is imported, and then the sightings with how many findings refer to each.
WEEKS = {
    "all are seen again": (
        [(seen(1, *range(9)), {}), (seen(8, *range(9)), {})],
        [(8, 9)],
    ),
    "what is absent stays behind": (
        [(seen(1, *range(9)), {}), (seen(8, *range(7)), {})],
        [(8, 7), (1, 2)],
    ),
    "what is new is seen on the day of the others": (
        [(seen(1, *range(5)), {}), (seen(8, *range(9)), {})],
        [(8, 9)],
    ),
    "few are seen again": (
        [(seen(1, *range(9)), {}), (seen(8, 1, 2), {"mode": "delta"})],
        [(1, 7), (8, 2)],
    ),
    "half of them are": (
        [(seen(1, *range(8)), {}), (seen(8, 0, 1, 2, 3), {"mode": "delta"})],
        [(1, 4), (8, 4)],
    ),
    "most of them are, and nobody says that the others are gone": (
        [(seen(1, *range(9)), {}), (seen(8, *range(6)), {"mode": "delta"})],
        [(8, 6), (1, 3)],
    ),
    "hosts that were not scanned": (
        [(seen(1, *range(9)), {}), (seen(8, *range(1, 9)), {"mode": "hosts"})],
        [(8, 8), (1, 1)],
    ),
    "each week on two days": (
        [([*seen(1, *range(5)), *seen(2, *range(5, 9))], {}), ([*seen(8, *range(5)), *seen(9, *range(5, 9))], {})],
        [(8, 5), (9, 4)],
    ),
    "the days of some have changed": (
        [([*seen(1, *range(5)), *seen(2, *range(5, 9))], {}), ([*seen(9, *range(4)), *seen(8, *range(4, 9))], {})],
        [(9, 4), (8, 5)],
    ),
    "some say no newer day": (
        [(seen(8, *range(9)), {}), ([*seen(15, *range(6)), *seen(8, 6), *seen(1, 7, 8)], {})],
        [(15, 6), (8, 3)],
    ),
    "what was resolved before stays where it was": (
        [(seen(1, *range(9)), {}), ([*seen(1, *range(7)), *seen(1, 7, 8, state="FIXED")], {}), (seen(8, *range(7)), {})],
        [(8, 7), (1, 2)],
    ),
    "what comes back is seen again": (
        [(seen(1, *range(9)), {}), (seen(8, *range(7)), {}), (seen(15, *range(9)), {})],
        [(15, 7), (15, 2)],
    ),
    "what has changed is seen again": (
        [(seen(1, *range(9)), {}), ([*seen(8, *range(6)), *seen(8, 6, 7, severity="Low")], {})],
        [(8, 8), (1, 1)],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("weeks", "sightings"), WEEKS.values(), ids=WEEKS)
def test_sightings_move_on(run_import, engine, query, weeks, sightings):
    states, ids = [], []
    for rows, how in weeks:
        states.append(dump(engine))
        ids.append(run_import(export(rows), confirmed=True, **how).id)
    assert query(SIGHTINGS) == [(day(number), count) for number, count in sightings]
    while ids:
        undo.undo_import(engine, ids.pop())
        assert dump(engine) == {**states.pop(), "sources": dump(engine)["sources"]}


def test_a_late_scan_has_a_sighting_of_its_own_day(run_import, engine, query):
    run_import(export(seen(15, 1, 2)))
    before = dump(engine)
    late = run_import(export(seen(8, 2, 3)))
    assert query(SEEN) == [(day(8), 1), (day(15), 2)]
    undo.undo_import(engine, late.id)
    assert dump(engine) == before


def test_no_source_shares_a_sighting_with_another(run_import, query):
    run_import(export(seen(1, 1, 2)), source_label="one")
    run_import(export(seen(1, 1, 2)), source_label="another")
    run_import(export(seen(8, 1, 2)), source_label="one")
    assert query(SEEN) == [(day(1), 2), (day(8), 2)]


def test_findings_that_were_merely_seen_again_are_not_written(run_import, engine, query):
    run_import(export(seen(1, *range(9))))
    before = query("SELECT * FROM findings ORDER BY id")
    run_import(export(seen(8, *range(9))))
    assert query("SELECT * FROM findings ORDER BY id") == before
    assert query("SELECT count(*) FROM undo_findings") == [(0,)]


@pytest.mark.parametrize("seed", range(int(os.environ.get("RANDOM_SEEDS", "2"))))
def test_each_finding_was_seen_when_the_files_say_so(run_import, engine, query, seed):
    """Weeks in which hosts are seen on one of several days, on days of the week before, or not at all."""
    rng = random.Random(seed)
    last: dict[str, str] = {}
    states, ids = [], []
    for week in range(5):
        days = [3 * week + rng.randrange(1, 4) for _ in range(rng.choice([1, 2, 5]))]
        seen_on = {
            host: max(1, rng.choice(days) - rng.choice([0, 0, 4]))
            for host in range(30)
            if rng.random() < rng.choice([0.3, 0.9])
        }
        seen_on[99] = 3 * week + 4  # so that none of them is late
        states.append(dump(engine))
        rows = [cells for host, number in seen_on.items() for cells in seen(number, host)]
        ids.append(run_import(export(rows), confirmed=True, mode=rng.choice(["full", "hosts", "delta"])).id)
        for host, number in seen_on.items():
            last[f"host-{host}"] = max(day(number), last.get(f"host-{host}", ""))
        assert dict(query(f"SELECT a.key, {LAST_SEEN} FROM findings f JOIN assets a ON a.id = f.asset_id")) == last
        staging.clean_up(engine)
    for _ in range(undo.DEPTH):
        undo.undo_import(engine, ids.pop())
        assert dump(engine) == {**states.pop(), "sources": dump(engine)["sources"]}
