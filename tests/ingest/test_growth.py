"""Four times as many hosts take SQLite about four times as many steps: a query that compares each host with each takes more."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, event

from tests.support.exports import export, row

pytestmark = pytest.mark.sqlite("its virtual machine counts its steps")

STEPS = 1_000
MOST = 6


@pytest.fixture
def steps():
    """How many thousand steps of its virtual machine SQLite has taken; counted, so that a busy machine changes nothing."""
    taken = [0]

    def step():
        taken[0] += 1
        return 0

    def connected(connection, _record):
        connection.set_progress_handler(step, STEPS)

    event.listen(Engine, "connect", connected)
    yield taken
    event.remove(Engine, "connect", connected)


def of_hosts(count, day):
    return export(
        row(
            host=f"host-{number}",
            asset_name=f"web{number}",
            asset_display_fqdn=f"web{number}.example.org",
            asset_display_ipv4_address=f"10.{number >> 8}.{number & 255}.1",
            plugin=str(number % 7),
            last_seen=f"2026-08-{day:02}T03:00:00.000Z",
        )
        for number in range(count)
    )


@pytest.mark.parametrize("week", ["the same hosts", "moved hosts", "other hosts"])
def test_steps_grow_with_the_hosts(run_import, steps, week):
    taken = []
    for source, count in (("small", 200), ("large", 800)):
        run_import(of_hosts(count, 1), source_label=source)
        before = steps[0]
        second = of_hosts(count, 8)
        if week == "moved hosts":
            second = second.replace(b",10.", b",11.")
        elif week == "other hosts":
            second = second.replace(b"host-", b"new-").replace(b"web", b"app").replace(b",10.", b",11.")
        run_import(second, source_label=source, confirmed=True)
        taken.append(steps[0] - before)
    small, large = taken
    assert small > 10
    assert large < MOST * small
