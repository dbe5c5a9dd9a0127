"""Group the rows of a file by host, number its assets, definitions and findings, and merge rows of one finding, in DuckDB.

Later steps compare numbers only. Rows with the same id are one host. Without ids, rows with the same address are one host, with the names
of all its rows. Rows without an address are grouped by name. So two addresses with one name, both scanned, are two hosts. The *realm* of a
host, such as a repository, keeps equal addresses apart.

Each distinct text about a host (``asset_texts``) is first a group by its most specific identifier; then groups with less specific
identifiers join another group, if only one fits.
"""

from __future__ import annotations

import ipaddress

from hextrackr.domain.fields import FINDING, HOST, VULNERABILITY, Kind, listed
from hextrackr.domain.models import Severity
from hextrackr.domain.verdicts import FIXED, PASSED

from . import cell_sql, evidence
from .csv_database import CsvDatabase, IrregularCsv
from .mapping import NAMELESS, quoted
from .read_queries import WEIGHT_COLUMNS

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


#: The weights are 0 without an open finding.
_WEIGHT = ", ".join(f"coalesce({name}, 0) AS {name}" for name in WEIGHT_COLUMNS)
#: The rows (``r``) with the numbers of their asset (``a``) and definition (``n``).
_NUMBERED = """
    rows r JOIN asset_codes a ON a.code = asset_code
    JOIN definition_codes d ON d.code = definition_code JOIN definition_numbers n ON n.key = d.key
"""
#: The scores of definitions, which are read with the rows.
_SCORES = [field for field in VULNERABILITY if field.kind is Kind.SCORE]


def code(database: CsvDatabase) -> None:
    """Make the table ``definition_codes``: the key of each code in all rows, which may be NULL."""
    database.run("""
        CREATE TABLE definition_codes AS SELECT definition_code AS code, any_value(definition_key) AS key FROM rows GROUP BY 1
    """)


def number(database: CsvDatabase, *, unreadable: bool) -> None:
    """Make the tables ``assets``, ``identifiers``, ``observations``, ``findings`` and ``unchecked``, and number the definitions.

    Assets, definitions and findings are numbered from 1 in the order of their keys.

    :param unreadable: there are rejected rows that cannot be read at all.
    :raises IrregularCsv: the passes over the file did not see the same rows.
    """
    _number_assets(database)
    _number_definitions(database)
    _merge_rows(database)
    evidence.number(database, _NUMBERED)
    _number_findings(database)
    _weigh(database)
    _assert_whole(database, "SELECT coalesce(sum(rows), 0) FROM merged", "SELECT count(*) FROM rows")
    database.run("DROP TABLE merged")
    _note_unchecked(database, unreadable=unreadable)


def _number_assets(database: CsvDatabase) -> None:
    """Make ``asset_numbers``, ``asset_codes`` and ``identifiers`` from the groups of rows that are one host.

    If rows have different texts, the greatest one is used, so that the order of the rows does not matter. The hosts of rejected rows are
    included: they count as not checked.
    """
    values = ", ".join(
        f"max({'t.addresses[1]' if field.name == 'ip' else field.name}) AS {field.name}" for field in HOST
    )
    database.run(f"""
        CREATE TABLE asset_numbers AS
        SELECT row_number() OVER (ORDER BY key, host) AS number, host,
               key || CASE row_number() OVER (PARTITION BY key ORDER BY host) WHEN 1 THEN ''
                           ELSE ' #' || row_number() OVER (PARTITION BY key ORDER BY host) END AS key,
               {listed(HOST)}
        FROM (SELECT host, left(coalesce(min(t.ids[1]), min(fqdn), lower(min(netbios)), min(t.addresses[1]), min(t.names[1])), 240) AS key,
                     {values}
              FROM host_groups JOIN asset_texts t USING (code)
              JOIN (SELECT asset_code AS code, max(last_seen) AS last_seen FROM rows GROUP BY 1
                    UNION ALL SELECT DISTINCT asset_code, CAST(NULL AS DATE) FROM faults WHERE fault >= 0) USING (code)
              GROUP BY host)
    """)
    database.run("CREATE TABLE asset_codes AS SELECT code, number FROM host_groups JOIN asset_numbers USING (host)")
    database.run("""
        CREATE TABLE identifiers AS
        SELECT DISTINCT number, kind, realm, value FROM (
            SELECT number, 'id' AS kind, '' AS realm, unnest(ids) AS value FROM host_groups JOIN asset_numbers USING (host)
            UNION ALL SELECT number, 'name', realm, unnest(names) FROM host_groups JOIN asset_numbers USING (host)
            UNION ALL SELECT number, 'address', realm, unnest(addresses) FROM host_groups JOIN asset_numbers USING (host)
        ) ORDER BY ALL
    """)


def _number_definitions(database: CsvDatabase) -> None:
    """Make ``definition_numbers``, with the scores of definitions; those of rejected rows are included, as with the hosts."""
    database.run(f"""
        CREATE TABLE definition_numbers AS
        SELECT row_number() OVER (ORDER BY key) AS number, * FROM (
            SELECT definition_key AS key, {listed(_SCORES, "max({name}) AS {name}")}
            FROM (SELECT definition_key, {listed(_SCORES)} FROM rows
                  UNION ALL SELECT DISTINCT definition_key, {listed(_SCORES, "NULL")} FROM faults
                  WHERE fault >= 0 AND definition_key IS NOT NULL)
            GROUP BY definition_key)
    """)


def _merge_rows(database: CsvDatabase) -> None:
    """Make ``merged``: one row for each finding. Only fixed or passed findings have a day on which they were fixed."""
    database.run(f"""
        CREATE TABLE merged AS
        SELECT * REPLACE (CASE WHEN state IN ({PASSED}, {FIXED}) THEN resolved_on END AS resolved_on) FROM (
            SELECT a.number AS asset_number, n.number AS definition_number, port, protocol, max(severity) AS severity,
                   {listed(FINDING, "max(r.{name}) AS {name}")}, min(first_seen) AS first_seen, max(last_seen) AS last_seen,
                   max(state) AS state, max(fixed_on) AS resolved_on, count(*) AS rows,
                   min(evidence_code) AS evidence_code, max(evidence_code) AS other_code
            FROM {_NUMBERED} GROUP BY 1, 2, 3, 4)
    """)


def _number_findings(database: CsvDatabase) -> None:
    """Make ``observations``, values that many findings share, and ``findings``, each with the number of its observation.

    Findings are sorted first and then numbered, which takes half the time of a window with an order.
    """
    database.run(f"""
        CREATE TABLE observations AS
        SELECT row_number() OVER () AS number, * FROM (
            SELECT protocol, severity, {listed(FINDING)}, first_seen, last_seen, resolved_on, state, count(*) AS findings
            FROM merged GROUP BY ALL)
    """)
    database.run(f"""
        CREATE TABLE findings AS
        SELECT row_number() OVER () AS number, * FROM (
            SELECT asset_number, definition_number, port, o.number AS observation_number, m.state, m.first_seen, m.last_seen, m.resolved_on,
                   e.number AS evidence_number
            FROM merged m JOIN observations o
              ON o.protocol = m.protocol AND o.severity = m.severity AND o.state = m.state
             AND {listed(FINDING, "o.{name} IS NOT DISTINCT FROM m.{name}", " AND ")}
             AND o.first_seen IS NOT DISTINCT FROM m.first_seen AND o.last_seen IS NOT DISTINCT FROM m.last_seen
             AND o.resolved_on IS NOT DISTINCT FROM m.resolved_on
            LEFT JOIN evidence_numbers e ON e.code = m.evidence_code
            ORDER BY asset_number, definition_number, port, m.protocol)
    """)


def _weigh(database: CsvDatabase) -> None:
    """Make ``assets`` with the open findings of each, and ``definition_weights``."""
    database.run(f"""
        CREATE TABLE assets AS
        SELECT n.* EXCLUDE (host), {_WEIGHT} FROM asset_numbers n LEFT JOIN ({_weights("asset")}) w USING (number)
    """)
    database.run(f"CREATE TABLE definition_weights AS {_weights('definition')}")


def _weights(subject: str) -> str:
    """SQL: the open findings of each asset or definition, counted by severity."""
    counts = ", ".join(f"count(*) FILTER (severity = {value.value}) AS {value.name.lower()}" for value in Severity)
    return f"""
        SELECT {subject}_number AS number, {counts}, round(coalesce(sum(vpr), 0), 2) AS vpr_sum
        FROM merged WHERE state > 0 GROUP BY {subject}_number
    """


def _note_unchecked(database: CsvDatabase, *, unreadable: bool) -> None:
    """Make ``unchecked``: the finding or host of each rejected row, as far as it can be read. NULL means any."""
    database.run(f"""
        CREATE TABLE unchecked AS
        SELECT row_number() OVER () AS number, * FROM (
            SELECT DISTINCT a.number AS asset_number, d.number AS definition_number,
                   CASE WHEN d.number IS NOT NULL THEN f.port END AS port, CASE WHEN d.number IS NOT NULL THEN f.protocol END AS protocol
            FROM faults f JOIN asset_codes a ON a.code = f.asset_code LEFT JOIN definition_numbers d ON d.key = f.definition_key
            WHERE fault >= 0
            UNION ALL
            SELECT NULL, NULL, NULL, NULL
            WHERE {unreadable} OR EXISTS (FROM faults WHERE fault >= 0 AND asset_code NOT IN (SELECT code FROM asset_codes)))
    """)


def describe(database: CsvDatabase) -> None:
    """Make the tables ``definitions`` and ``cves``, once ``definition_texts`` is filled."""
    database.run(f"""
        CREATE TABLE definitions AS
        SELECT number, t.*, {listed(_SCORES)}, {_WEIGHT}
        FROM definition_texts t JOIN definition_numbers USING (key) LEFT JOIN definition_weights USING (number)
    """)
    _assert_whole(database, "SELECT count(*) FROM definitions", "SELECT count(*) FROM definition_numbers")
    database.run(f"""
        CREATE TABLE all_cves AS
        SELECT DISTINCT number, CASE WHEN found ILIKE 'cve-%' THEN upper(found) ELSE left(found, 64) END AS cve FROM (
            SELECT number, unnest(CASE WHEN len(named) > 0 THEN named ELSE advisories END) AS found FROM (
                SELECT number, list_concat(regexp_extract_all(id_text, {quoted(cell_sql.ANY_ID)}),
                                           regexp_extract_all(coalesce(title_text, ''), {quoted(cell_sql.CVE)})) AS named,
                       regexp_extract_all(advisory_text, {quoted(cell_sql.ADVISORY)}) AS advisories
                FROM definitions
            )
        )
    """)
    database.run(f"""
        CREATE TABLE cves AS
        SELECT number, cve FROM all_cves QUALIFY row_number() OVER (PARTITION BY number ORDER BY cve) <= {cell_sql.MAX_CVES} ORDER BY ALL
    """)


def _assert_whole(database: CsvDatabase, actual: str, expected: str) -> None:
    """Check that no row was lost between two passes.

    :raises IrregularCsv: the results of the two queries differ.
    """
    if database.one(actual) != database.one(expected):
        raise IrregularCsv
