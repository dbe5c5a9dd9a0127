"""The tables of the copy, and what of the record they are made of.

Each table is one list of columns. What a column is made of is an expression of the record that SQLite and PostgreSQL both understand; where
none is given it is the record's column of the same name. Questions read the tables and the view ``finding``, and the table
``machine`` that is made of the hosts.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

#: Types of columns. A ``WORD`` is one of a few words of ours: it needs no quoting.
INTEGER, BIGINT, DOUBLE, DATE, BOOLEAN, TEXT, WORD = "INTEGER", "BIGINT", "DOUBLE", "DATE", "BOOLEAN", "TEXT", "WORD"


@dataclass(frozen=True)
class Column:
    """A column of the copy.

    :ivar kind: one of the types above.
    :ivar source: what of the record it is made of.
    """

    name: str
    kind: str
    source: str = ""

    @property
    def expression(self) -> str:
        """SQL of the record: its value."""
        return self.source or self.name

    @property
    def type(self) -> str:
        """Its type in DuckDB."""
        return "VARCHAR" if self.kind in (TEXT, WORD) else self.kind


@dataclass(frozen=True)
class Table:
    """A table of the copy.

    :ivar source: the record's table.
    :ivar condition: which of its rows are copied.
    :ivar many: it has so many rows that an import copies only those that it changed; its texts are short.
    """

    name: str
    source: str
    columns: tuple[Column, ...]
    condition: str = ""
    many: bool = False


FINDING = Table(
    "finding_row",
    "findings",
    (
        Column("id", INTEGER),
        Column("source_id", INTEGER),
        Column("host_id", INTEGER, "asset_id"),
        Column("definition_id", INTEGER),
        Column("port", INTEGER),
        Column("protocol", TEXT),
        Column("severity", INTEGER),
        Column("vpr", DOUBLE),
        Column("cvss", DOUBLE),
        Column("first_seen", DATE),
        Column("state", WORD, "lifecycle"),
        Column("is_open", BOOLEAN, "CASE lifecycle WHEN 'resolved' THEN 0 ELSE 1 END"),
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
        Column("vpr", DOUBLE),
        Column("cvss", DOUBLE),
        Column("severity_before", INTEGER),
        Column("vpr_before", DOUBLE),
        Column("cvss_before", DOUBLE),
        Column("state_before", WORD, "lifecycle_before"),
    ),
    many=True,
)
EVIDENCE = Table("evidence", "evidence", (Column("id", INTEGER), Column("text", TEXT)))

#: When findings were seen last is told by sightings: an import moves the day of one on for most findings of its source at once.
SIGHTING = Table("sighting", "sightings", (Column("id", INTEGER), Column("source_id", INTEGER), Column("day", DATE)))
SOURCE = Table(
    "source",
    "sources",
    (Column("id", INTEGER), Column("scanner", TEXT), Column("label", TEXT), Column("last_scan_date", DATE)),
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
    condition="state = 'completed' AND undone_at IS NULL",
)
HOST = Table(
    "host",
    "assets",
    (
        Column("id", INTEGER),
        Column("source_id", INTEGER),
        Column("key", TEXT),
        Column("name", TEXT),
        Column("fqdn", TEXT),
        Column("netbios", TEXT),
        Column("ip", TEXT),
        Column("os", TEXT),
        Column("last_seen", DATE),
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
    "definition",
    "definitions",
    (
        Column("id", INTEGER),
        Column("source_id", INTEGER),
        Column("key", TEXT),
        Column("title", TEXT),
        Column("family", TEXT),
        Column("description", TEXT),
        Column("solution", TEXT),
        Column("see_also", TEXT),
        Column("cvss_vector", TEXT),
        Column("cvss", DOUBLE),
        Column("vpr", DOUBLE),
        Column("epss", DOUBLE),
        Column("published", DATE),
        Column("updated", DATE),
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
SMALL = (SOURCE, IMPORT, SIGHTING, DAILY_TOTAL, HOST, HOST_IDENTIFIER, DEFINITION, DEFINITION_CVE)
TABLES = (*SMALL, FINDING, FINDING_CHANGE, EVIDENCE)

VIEWS = """
    CREATE VIEW finding AS
    SELECT f.*, s.day AS last_seen FROM finding_row f JOIN sighting s ON s.id = f.sighting_id
"""
#: Which hosts of several sources are one machine, see :mod:`.machines`.
MACHINE = "CREATE TABLE machine (host_id INTEGER, machine_id INTEGER)"
#: Which state of the record the copy holds, in one row.
STATE = "CREATE TABLE copy_state (version BIGINT, stamp VARCHAR, revision VARCHAR)"


def create_table(table: Table, name: str = "") -> str:
    """SQL: make one of the tables, or one with its columns under another name."""
    columns = ", ".join(f'"{column.name}" {column.type}' for column in table.columns)
    return f'CREATE TABLE "{name or table.name}" ({columns})'


def fingerprint() -> str:
    """Stands for all that is said here: a copy with another one is made anew."""
    return hashlib.sha256(repr((TABLES, VIEWS, MACHINE, STATE)).encode()).hexdigest()[:16]
