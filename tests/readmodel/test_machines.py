"""Which hosts of several sources are one machine."""

from __future__ import annotations

import pytest

from hextrackr.readmodel import machines
from hextrackr.readmodel.copy import refresh
from tests.support.exports import scan

#: Hosts as ``source: names / addresses``, in the order of their ids from 1; and the ids that are one machine.
CASES = {
    "the same name": (["1: web1 / 10.0.0.1", "2: web1 / 10.0.0.2"], [[1, 2]]),
    "no name in common, the same address": (["1: web1 / 10.0.0.1", "2: / 10.0.0.1"], [[1, 2]]),
    "addresses alone": (["1: / 10.0.0.1", "2: / 10.0.0.1", "2: / 10.0.0.2"], [[1, 2]]),
    "other names, the same address": (["1: web1 / 10.0.0.1", "2: db1 / 10.0.0.1"], []),
    "a name without its domain": (["1: web1 / 10.0.0.1", "2: web1.example.org / 10.0.0.1"], [[1, 2]]),
    "names that only begin alike": (["1: web1.example.com / 10.0.0.1", "2: web1.example.org / 10.0.0.1"], []),
    "one name of several": (["1: web1,w / 10.0.0.1", "2: w,web9 / 10.0.0.2"], [[1, 2]]),
    "a name of two hosts names none": (["1: web / 10.0.0.1", "1: web / 10.0.0.2", "2: web / 10.0.0.3"], []),
    "a name of two hosts, told apart by addresses": (
        ["1: web / 10.0.0.1", "1: web / 10.0.0.2", "2: web / 10.0.0.2"],
        [[2, 3]],
    ),
    "the name counts before the address": (
        ["1: web1 / 10.0.0.1", "1: / 10.0.0.2", "2: web1 / 10.0.0.2"],
        [[1, 3]],
    ),
    "three sources": (["1: web1 / 10.0.0.1", "2: web1 /", "3: / 10.0.0.1"], [[1, 2, 3]]),
    "never two hosts of one source by way of a third": (
        ["1: a / 10.0.0.1", "2: a,b / 10.0.0.9", "1: b / 10.0.0.3"],
        [[1, 2]],
    ),
    "within one source nothing": (["1: web1 / 10.0.0.1", "1: web1 / 10.0.0.1"], []),
}


@pytest.mark.parametrize("name", CASES)
def test_hosts_that_are_one_machine(copy, name):
    hosts, together = CASES[name]
    cursor = copy.connection.cursor()
    for number, host in enumerate(hosts, start=1):
        source, known = host.split(": ")
        cursor.execute("INSERT INTO host_row (id, source_id) VALUES (?, ?)", [number, int(source)])
        for kind, values in zip(("name", "address"), known.split("/"), strict=True):
            for value in filter(None, values.strip().split(",")):
                row = [number, int(source), kind, value]
                cursor.execute("INSERT INTO host_identifier VALUES (?, ?, ?, ?, '')", row)
    machines.join(cursor, copy.scratch)
    expected = {number: number for number in range(1, len(hosts) + 1)}
    expected |= {number: min(group) for group in together for number in group}
    assert dict(cursor.execute("SELECT host_id, machine_id FROM machine").fetchall()) == expected


def test_an_import_of_another_source_joins_what_is_on_record(copy, the_record, run_import):
    cursor = copy.connection.cursor()
    run_import(scan([1, 2, 3]), source_label="a")
    refresh(copy, the_record)
    assert cursor.execute("SELECT count(DISTINCT machine_id) FROM machine").fetchone() == (3,)
    run_import(scan([2, 3, 4]), source_label="b")
    refresh(copy, the_record)
    assert cursor.execute("SELECT count(*), count(DISTINCT machine_id) FROM machine").fetchone() == (6, 4)
