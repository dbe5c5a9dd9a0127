"""The tables of the copy, and where in the record their values come from.

Each table is one list of columns. The source of a column is an SQL expression on the record for both SQLite and PostgreSQL, by default the
record's column of the same name. Questions read the tables, and the views ``host``, which has the machine of each host, and ``definition``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from hextrackr.domain import fields
from hextrackr.domain.fields import Field, Kind
from hextrackr.domain.models import CURRENT_IMPORT, display_name
from hextrackr.domain.sources import RETIRED

#: Types of columns. A ``WORD`` is one of a few fixed words and needs no quoting.
INTEGER, BIGINT, DOUBLE, DATE, BOOLEAN, TEXT, WORD = "INTEGER", "BIGINT", "DOUBLE", "DATE", "BOOLEAN", "TEXT", "WORD"


@dataclass(frozen=True)
class Column:
    """A column of the copy.

    :ivar kind: one of the types above.
    :ivar source: the SQL expression on the record; by default the column of the same name.
    """

    name: str
    kind: str
    source: str = ""

    @property
    def expression(self) -> str:
        """The SQL expression of its value in the record."""
        return self.source or self.name

    @property
    def type(self) -> str:
        """Its type in DuckDB."""
        return "VARCHAR" if self.kind in (TEXT, WORD) else self.kind


@dataclass(frozen=True)
class Table:
    """A table of the copy.

    :ivar source: the record's table.
    :ivar condition: selects the rows that are copied.
    :ivar many: the table has many rows with short texts, so only the rows that an import changed are copied.
    """

    name: str
    source: str
    columns: tuple[Column, ...]
    condition: str = ""
    many: bool = False


#: The types of the fields that :mod:`hextrackr.domain.fields` declares.
_TYPES = {Kind.TEXT: TEXT, Kind.SCORE: DOUBLE, Kind.DAY: DATE}


def declared(of: Iterable[Field], ending: str = "") -> tuple[Column, ...]:
    """The columns of registry fields, with a suffix added to each name."""
    return tuple(Column(field.name + ending, _TYPES[field.kind]) for field in of)


FINDING = Table(
    "finding",
    "findings",
    (
        Column("id", INTEGER),
        Column("source_id", INTEGER),
        Column("host_id", INTEGER, "asset_id"),
        Column("definition_id", INTEGER),
        Column("port", INTEGER),
        Column("protocol", TEXT),
        Column("severity", INTEGER),
        *declared(fields.FINDING),
        Column("first_seen", DATE),
        Column("state", WORD, "lifecycle"),
        Column("is_open", BOOLEAN),
        Column("resolved_on", DATE),
        Column("opened_by", INTEGER),
        Column("sighting_id", INTEGER),
        Column("evidence_id", INTEGER),
    ),
    many=True,
)
FINDING_CHANGE = Table(
    "finding_change",
    "finding_changes",
    (
        Column("import_id", INTEGER),
        Column("finding_id", INTEGER),
        Column("kind", WORD),
        Column("day", DATE),
        Column("severity", INTEGER),
        *declared(fields.FINDING),
        Column("severity_before", INTEGER),
        *declared(fields.FINDING, "_before"),
        Column("state_before", WORD, "lifecycle_before"),
    ),
    many=True,
)
EVIDENCE = Table("evidence", "evidence", (Column("id", INTEGER), Column("text", TEXT)))

#: Sightings have the day on which findings were last seen: by changing one day, an import updates most findings of its source at once.
SIGHTING = Table("sighting", "sightings", (Column("id", INTEGER), Column("source_id", INTEGER), Column("day", DATE)))
SOURCE = Table(
    "source",
    "sources",
    (
        Column("id", INTEGER),
        Column("scanner", TEXT),
        # A scanner whose files a mapping reads is called as the mapping; the others' names stand in their formats.
        Column(
            "scanner_name",
            TEXT,
            "coalesce((SELECT name FROM saved_mappings m WHERE 'custom-' || m.id = sources.scanner), '')",
        ),
        Column("label", TEXT),
        Column("last_scan_date", DATE),
        Column("retired_on", DATE),
    ),
)
SOURCE_ALIAS = Table(
    "source_alias", "source_aliases", (Column("source_id", INTEGER), Column("scanner", TEXT), Column("label", TEXT))
)
#: The imports that make up the record.
IMPORT = Table(
    "import",
    "imports",
    (
        Column("id", INTEGER),
        Column("source_id", INTEGER),
        Column("filename", TEXT),
        Column("scan_date", DATE),
        Column("mode", WORD),
        Column("place", INTEGER),
        Column("finished_at", BIGINT),
    ),
    condition=CURRENT_IMPORT,
)
HOST = Table(
    "host_row",
    "assets",
    (
        Column("id", INTEGER),
        Column("source_id", INTEGER),
        Column("key", TEXT),
        *declared(fields.HOST),
        Column("details", TEXT),
    ),
)
HOST_IDENTIFIER = Table(
    "host_identifier",
    "asset_identifiers",
    (
        Column("host_id", INTEGER, "asset_id"),
        Column("source_id", INTEGER),
        Column("kind", WORD),
        Column("value", TEXT),
        Column("realm", TEXT),
    ),
)
DEFINITION = Table(
    "definition_row",
    "definitions",
    (
        Column("id", INTEGER),
        Column("source_id", INTEGER),
        Column("key", TEXT),
        *declared(fields.VULNERABILITY),
        Column("details", TEXT),
    ),
)
DEFINITION_CVE = Table("definition_cve", "definition_cves", (Column("definition_id", INTEGER), Column("cve", TEXT)))
DAILY_TOTAL = Table(
    "daily_total",
    "daily_totals",
    (
        Column("source_id", INTEGER),
        Column("day", DATE),
        Column("severity", INTEGER),
        Column("open", INTEGER),
        Column("vpr_sum", DOUBLE),
        Column("opened", INTEGER),
        Column("resolved", INTEGER),
        Column("reopened", INTEGER),
    ),
)

#: Tables that every refresh copies whole: they are small beside the findings.
SMALL = (SOURCE, SOURCE_ALIAS, IMPORT, SIGHTING, DAILY_TOTAL, HOST, HOST_IDENTIFIER, DEFINITION, DEFINITION_CVE)
TABLES = (*SMALL, FINDING_CHANGE, EVIDENCE, FINDING)

#: SQL: an IPv4 address as a text that sorts like the address.
ADDRESS = "array_to_string(list_transform(string_split(coalesce({ip}, ''), '.'), lambda part: lpad(part, 3, '0')), '.')"


def rank(expression: str, name: str) -> str:
    """SQL: the rank of a text, so that texts are sorted once and not for each list."""
    return f"CAST(dense_rank() OVER (ORDER BY {expression}) AS INTEGER) AS {name}_rank"


def _ranks(of: Iterable[Field]) -> str:
    listed = (field.name for field in of if field.listed and field.kind is Kind.TEXT)
    return ", ".join(rank(f"lower(coalesce({name}, ''))", name) for name in listed)


#: Tables derived after each refresh: ``search``, the searchable texts in lower case; and the ranks by which lists are sorted.
DERIVED = f"""
    CREATE OR REPLACE TABLE host_order AS
    SELECT id AS host_id, lower(concat_ws(' ', name, fqdn, netbios, ip, i.values)) AS search,
           {rank(f"lower({display_name()})", "display")}, {rank("lower(coalesce(fqdn, ''))", "fqdn")},
           {rank(ADDRESS.format(ip="ip"), "ip")}, {_ranks(fields.HOST)}
    FROM host_row LEFT JOIN (SELECT host_id, string_agg(value, ' ') AS values FROM host_identifier WHERE kind <> 'id' GROUP BY host_id) i
      ON i.host_id = id;
    CREATE OR REPLACE TABLE definition_order AS
    SELECT id AS definition_id, lower(concat_ws(' ', left(title, 1000), array_to_string(cves, ' '))) AS search, cves,
           {rank("lower(title)", "title")}, {rank("key", "key")}, {rank("coalesce(cves[1], '')", "cves")}, {_ranks(fields.VULNERABILITY)}
    FROM definition_row
    LEFT JOIN (SELECT definition_id, list(cve ORDER BY cve) AS cves FROM definition_cve GROUP BY definition_id) ON definition_id = id
"""
#: Run after each refresh: what is open in a retired source counts as open nowhere, see :mod:`hextrackr.domain.sources`.
RETIRE = f"""
    UPDATE finding SET state = '{RETIRED}', is_open = FALSE
    WHERE is_open AND source_id IN (SELECT id FROM source WHERE retired_on IS NOT NULL)
"""
#: Which hosts of several sources are one machine, see :mod:`.machines`.
MACHINE = "CREATE TABLE machine (host_id INTEGER, machine_id INTEGER)"
VIEWS = f"""
    CREATE VIEW host AS
    SELECT h.*, {display_name("h.")} AS display, m.machine_id, o.* EXCLUDE (host_id)
    FROM host_row h JOIN machine m ON m.host_id = h.id JOIN host_order o ON o.host_id = h.id;
    CREATE VIEW definition AS
    SELECT d.*, o.* EXCLUDE (definition_id) FROM definition_row d JOIN definition_order o ON o.definition_id = d.id
"""
#: The state of the record in the copy, in one row.
STATE = "CREATE TABLE copy_state (version BIGINT, stamp VARCHAR, revision VARCHAR)"


def create_table(table: Table, name: str = "") -> str:
    """SQL: create one of the tables, or a table with its columns under another name."""
    columns = ", ".join(f'"{column.name}" {column.type}' for column in table.columns)
    return f'CREATE TABLE "{name or table.name}" ({columns})'


def fingerprint() -> str:
    """A hash of everything in this module: a copy with another fingerprint is rebuilt."""
    return hashlib.sha256(repr((TABLES, DERIVED, RETIRE, MACHINE, VIEWS, STATE)).encode()).hexdigest()[:16]
