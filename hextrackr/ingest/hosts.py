"""Group the rows of a file by host, in DuckDB.

Rows with the same id are one host. Without ids, rows with the same address are one host, with the names of all its rows. Rows without an
address are grouped by name. So two addresses with one name, both scanned, are two hosts. The *realm* of a host, such as a repository, keeps
equal addresses apart.

Each distinct text about a host (``asset_texts``) is first a group by its most specific identifier; then groups with less specific
identifiers join another group, if only one fits.
"""

from __future__ import annotations

import ipaddress

from .csv_database import CsvDatabase
from .mapping import NAMELESS

#: Kinds of groups, the most specific first: by the scanner's id, by address, by full name, by a name without a domain.
_ID, _ADDRESS, _FULL_NAME, _SHORT_NAME = range(4)
_FULL = "[name for name in names if contains(name, '.')]"

_GROUPS = f"""
    CREATE TABLE host_groups AS
    SELECT code, ids, names, addresses, realm, kind, CASE kind
               WHEN {_ID} THEN 'id ' || ids[1]
               WHEN {_ADDRESS} THEN 'address ' || concat_ws(' ', realm, array_to_string(list_sort(addresses), ' '))
               WHEN {_FULL_NAME} THEN 'name ' || concat_ws(' ', realm, {_FULL}[1])
               ELSE 'name ' || concat_ws(' ', realm, names[1]) END AS host
    FROM (SELECT *, CASE WHEN len(ids) > 0 THEN {_ID} WHEN len(addresses) > 0 THEN {_ADDRESS}
                         WHEN len({_FULL}) > 0 THEN {_FULL_NAME} ELSE {_SHORT_NAME} END AS kind
          FROM asset_texts WHERE NOT ({NAMELESS}))
"""
#: Groups of the kind ``these``, each with the only group of the kinds ``those`` that has one of its names or addresses in its realm.
_ONLY_MATCH = """
    CREATE OR REPLACE TEMPORARY TABLE joining AS
    WITH identifier AS (SELECT DISTINCT host, kind, realm, addresses, unnest({values}) AS value FROM host_groups)
    SELECT a.host, any_value(b.host) AS other, any_value(b.kind) AS kind
    FROM identifier a JOIN identifier b ON b.realm = a.realm AND b.value = a.value AND b.host <> a.host
    WHERE a.kind = {these} AND b.kind IN ({those}) AND {condition}
    GROUP BY a.host HAVING count(DISTINCT b.host) = 1
"""
_JOIN = """
    UPDATE host_groups SET host = joining.other, kind = joining.kind FROM joining WHERE joining.host = host_groups.host
"""
_IS_PART = "len(a.addresses) < len(b.addresses) AND list_has_all(b.addresses, a.addresses)"
#: Both groups have names, but none in common.
_NAMES_DIFFER = """
    EXISTS (SELECT 1 FROM names_of x JOIN names_of y ON y.host = b.host WHERE x.host = a.host)
    AND NOT EXISTS (SELECT 1 FROM names_of x JOIN names_of y ON y.host = b.host AND y.name = x.name WHERE x.host = a.host)
"""
_NAMES_OF = "CREATE OR REPLACE TEMPORARY TABLE names_of AS SELECT DISTINCT host, unnest(names) AS name FROM host_groups"
#: For each group by full name the first of all groups that share a name with it.
_SHARED = f"""
    CREATE OR REPLACE TEMPORARY TABLE joining AS
    WITH full_name AS (SELECT DISTINCT host, realm, unnest({_FULL}) AS value FROM host_groups WHERE kind = {_FULL_NAME})
    SELECT a.host, min(b.host) AS other, {_FULL_NAME} AS kind
    FROM full_name a JOIN full_name b ON b.realm = a.realm AND b.value = a.value
    GROUP BY a.host HAVING min(b.host) < a.host
"""


def spell_addresses(database: CsvDatabase) -> None:
    """Rewrite the IPv6 addresses in ``asset_texts`` in their canonical form (RFC 5952)."""
    found = database.all("""
        SELECT DISTINCT address FROM (SELECT unnest(addresses) AS address FROM asset_texts) WHERE contains(address, ':')
    """)
    if found:
        spelled = [(address, _spelled(address)) for (address,) in found]
        database.fill("spellings", ("written", "canonical"), spelled)
        database.run("""
            UPDATE asset_texts SET addresses = [coalesce(canonical[address], address) for address in addresses]
            FROM (SELECT map(list(written), list(canonical)) AS canonical FROM spellings)
        """)


def group(database: CsvDatabase) -> None:
    """Make the table ``host_groups``: for each text about a host (``code``) the ``host`` that it belongs to, under a unique text."""
    database.run(_GROUPS)
    kinds = {kind for (kind,) in database.all("SELECT DISTINCT kind FROM host_groups")}
    if {_ID, _ADDRESS} <= kinds:
        database.run(_NAMES_OF)
        _join(database, "addresses", _ADDRESS, (_ID,), f"NOT ({_NAMES_DIFFER})")
    (listed,) = database.one(f"SELECT coalesce(max(len(addresses)) FILTER (kind = {_ADDRESS}), 0) > 1 FROM host_groups")
    while listed and _join(database, "addresses", _ADDRESS, (_ADDRESS,), _IS_PART):
        pass  # rows that name only some of a host's addresses
    for kind in (_FULL_NAME, _SHORT_NAME):
        if kind in kinds:
            _join(database, "names", kind, (_ID, _ADDRESS))
    while _FULL_NAME in kinds and _run_joining(database, _SHARED):
        pass
    if _SHORT_NAME in kinds:
        _join(database, "names", _SHORT_NAME, (_FULL_NAME,))


def _join(database: CsvDatabase, values: str, these: int, those: tuple[int, ...], condition: str = "TRUE") -> bool:
    """Join groups to the only one that fits them; return whether there were any."""
    kinds = ", ".join(map(str, those))
    return _run_joining(database, _ONLY_MATCH.format(values=values, these=these, those=kinds, condition=condition))


def _run_joining(database: CsvDatabase, joining: str) -> bool:
    database.run(joining)
    (count,) = database.one("SELECT count(*) FROM joining")
    if count:
        database.run(_JOIN)
    return bool(count)


def _spelled(address: str) -> str:
    try:
        found = ipaddress.IPv6Address(address.split("%")[0])
    except ValueError:
        return address
    return str(found.ipv4_mapped or found)
