"""Join the hosts of several sources that are one machine, so that lists and counts show it once. The record never joins sources.

The rule is that of the record (:mod:`hextrackr.domain.identity`) without the scanners' own ids, which mean nothing to others:

1. the same name, if it names one host in each of the two sources;
2. else the same address, if it is that of one host in each of them, unless both hosts have names and these differ.

Two hosts of one source are never joined, not even through a third host.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

#: The identifiers that belong to exactly one host of their source.
_UNIQUE_IDENTIFIERS = """
    CREATE OR REPLACE TEMPORARY TABLE unique_identifier AS
    SELECT source_id, kind, value, min(host_id) AS host_id FROM host_identifier
    WHERE kind IN ('name', 'address') GROUP BY ALL HAVING count(DISTINCT host_id) = 1
"""
_PAIRS = """
    SELECT DISTINCT a.host_id AS one, b.host_id AS other, a.source_id AS source, b.source_id AS other_source
    FROM unique_identifier a JOIN unique_identifier b ON b.kind = a.kind AND b.value = a.value AND b.source_id > a.source_id
    WHERE a.kind = '{kind}'
"""
#: A name without its domain matches the same name with one; two names with different domains do not match.
_SPELLINGS = """
    CREATE OR REPLACE TEMPORARY TABLE spelling AS
    SELECT host_id, value, TRUE AS is_whole FROM host_identifier WHERE kind = 'name'
    UNION SELECT host_id, split_part(value, '.', 1), FALSE FROM host_identifier WHERE kind = 'name'
"""
_BY_NAME = f"{_PAIRS.format(kind='name')} ORDER BY one, other"
_BY_ADDRESS = f"""
    WITH pair AS ({_PAIRS.format(kind="address")}),
         named AS (SELECT DISTINCT host_id FROM spelling),
         alike AS (
             SELECT p.one, p.other FROM pair p
             JOIN spelling x ON x.host_id = p.one
             JOIN spelling y ON y.host_id = p.other AND y.value = x.value AND (x.is_whole OR y.is_whole))
    SELECT * FROM pair
    WHERE one NOT IN (FROM named) OR other NOT IN (FROM named) OR (one, other) IN (FROM alike)
    ORDER BY one, other
"""
_EACH_BY_ITSELF = "CREATE OR REPLACE TABLE machine AS SELECT id AS host_id, id AS machine_id FROM host_row"
_JOINED = """
    UPDATE machine SET machine_id = joined.machine_id
    FROM read_csv(?, columns = {'host_id': 'INTEGER', 'machine_id': 'INTEGER'}, auto_detect = FALSE, header = FALSE, delim = ',') AS joined
    WHERE joined.host_id = machine.host_id
"""


class Machines:
    """Machines, built by joining pairs of hosts. The id of a machine is the lowest id of its hosts."""

    def __init__(self) -> None:
        self._machine: dict[int, int] = {}
        #: Machine -> source -> host.
        self._hosts: dict[int, dict[int, int]] = {}

    def join(self, one: int, other: int, source: int, other_source: int) -> None:
        """Join two hosts of two sources, unless that would join two hosts of one source."""
        hosts = self._hosts_of(one, source)
        others = self._hosts_of(other, other_source)
        if hosts.keys() & others.keys():
            return
        together = {**hosts, **others}
        machine = min(together.values())
        for host in together.values():
            self._machine[host] = machine
        self._hosts[machine] = together

    def joined(self) -> dict[int, int]:
        """Host -> machine, for all hosts that were joined with another one."""
        return dict(self._machine)

    def _hosts_of(self, host: int, source: int) -> dict[int, int]:
        return self._hosts.get(self._machine.get(host, host), {source: host})


def join(cursor: duckdb.DuckDBPyConnection, scratch: Path) -> None:
    """Fill the table ``machine`` from the hosts and their identifiers.

    :param scratch: a folder for temporary files.
    """
    cursor.execute(_EACH_BY_ITSELF)
    sources = cursor.execute("SELECT count(DISTINCT source_id) FROM host_row").fetchone()
    if sources is None or sources[0] < 2:
        return
    machines = Machines()
    for step in (_UNIQUE_IDENTIFIERS, _SPELLINGS):
        cursor.execute(step)
    for pairs in (_BY_NAME, _BY_ADDRESS):
        for pair in cursor.execute(pairs).fetchall():
            machines.join(*pair)
    for table in ("unique_identifier", "spelling"):
        cursor.execute(f"DROP TABLE {table}")
    file = scratch / "machine.csv"
    file.write_text("".join(f"{host},{machine}\n" for host, machine in sorted(machines.joined().items())))
    try:
        cursor.execute(_JOINED, [str(file)])
    finally:
        file.unlink()
