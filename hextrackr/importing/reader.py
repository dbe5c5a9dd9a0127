"""Reads a CSV file with DuckDB into neutral, deduplicated records.

Two passes over the file, so that its long text is never held at once: the first takes what each row says of its host and finding,
the second groups what the rows say of their definitions.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as Dictionary
from dataclasses import dataclass
from datetime import date
from typing import Any

from . import rejects
from .csvdatabase import CsvDatabase
from .formats.format import Recognised
from .mapping import ASSET_FIELDS, BLANKS, CVE_PATTERN, DEFINITION_FIELDS, FAULTS, FINDING_FIELDS, Mapping, quoted
from .rejects import VALUE_LENGTH, RejectedRow

#: The ``fault`` of a row without any text: neither taken over nor rejected.
BLANK = -1

#: The order of the columns is that of the staging tables, after the import's id.
ASSET_COLUMNS = ("number", "key", "name", "fqdn", "netbios", "ip", "os", "last_seen")
DEFINITION_COLUMNS = (
    "number", "key", "title", "family", "description", "solution", "see_also",
    "cvss_vector", "cvss", "vpr", "epss", "published", "updated",
)  # fmt: skip
CVE_COLUMNS = ("number", "cve")
FINDING_COLUMNS = (
    "number", "asset_number", "definition_number", "port", "protocol", "severity", "vpr", "cvss",
    "first_seen", "last_seen", "state",
)  # fmt: skip


@dataclass(frozen=True)
class Counts:
    """What a file holds: ``rows == findings + merged + blank + rejected``. ``open`` findings are those not fixed."""

    rows: int
    findings: int
    open: int
    merged: int
    blank: int
    rejected: int
    newest: date | None


class Reader:
    """One file on its way through DuckDB. The steps are called in the order in which they stand here.

    :raises FileRefused: from any step, if the file turns out not to be readable.
    """

    def __init__(self, database: CsvDatabase, recognised: Recognised) -> None:
        self._database = database
        self._recognised = recognised
        self._mapping = Mapping(recognised)
        self._rejected: list[RejectedRow] = []

    def close(self) -> None:
        """Give back the memory and the temporary files."""
        self._database.close()

    def read_rows(self) -> None:
        """First pass: every row's host and finding."""
        m = self._mapping
        faults = " ".join(f"WHEN {fault.condition} THEN {number}" for number, fault in enumerate(FAULTS))
        values = " ".join(f"WHEN {fault.condition} THEN left({fault.value}, {VALUE_LENGTH})" for fault in FAULTS)
        self._database.run(f"""
            CREATE TABLE rows AS
            SELECT * EXCLUDE (severity_text, port_text), CASE {faults} END AS fault, CASE {values} END AS fault_value
            FROM (SELECT {_select(m.record())}
                  FROM (SELECT {m.cells(ASSET_FIELDS + ("plugin_id", "cves", "title") + FINDING_FIELDS)} FROM {self._database.source()}))
        """)
        self._mark_blank_rows()
        self._rejected = rejects.collect(self._database, self._recognised)

    def read_definitions(self) -> None:
        """Second pass: what the rows say of their definitions, each once.

        Of different texts the greatest counts, so that the order of the rows does not matter.
        """
        m = self._mapping
        greatest = ", ".join(f"max(c{place}) AS c{place}" for place in m.places(DEFINITION_FIELDS))
        self._database.run(f"""
            CREATE TABLE definition_texts AS
            SELECT key, cve_text, {_select(m.definition())}
            FROM (SELECT key, cve_text, {m.cells(DEFINITION_FIELDS)}
                  FROM (SELECT {m.definition_key()} AS key, {greatest}, string_agg(DISTINCT {m.cve_text()}, ' ') AS cve_text
                        FROM {self._database.source()} GROUP BY 1))
            WHERE key IS NOT NULL
        """)

    def deduplicate(self) -> Counts:
        """Number assets and definitions, merge the rows of one finding, and count."""
        self._database.run("""
            CREATE TABLE assets AS
            SELECT row_number() OVER (ORDER BY asset_key) AS number, asset_key AS key, max(name) AS name, max(fqdn) AS fqdn,
                   max(netbios) AS netbios, max(ip) AS ip, max(os) AS os, max(last_seen) AS last_seen
            FROM rows WHERE fault IS NULL GROUP BY asset_key
        """)
        self._database.run("""
            CREATE TABLE definitions AS
            SELECT row_number() OVER (ORDER BY key) AS number, * FROM definition_texts JOIN (
                SELECT definition_key AS key, max(cvss) AS cvss, max(vpr) AS vpr, max(epss) AS epss
                FROM rows WHERE fault IS NULL GROUP BY definition_key
            ) USING (key)
        """)
        self._database.run(f"""
            CREATE TABLE cves AS
            SELECT DISTINCT number, CASE WHEN found ILIKE 'cve-%' THEN upper(found) ELSE left(found, 64) END AS cve FROM (
                SELECT number, unnest(regexp_extract_all(cve_text, {quoted(CVE_PATTERN)})) AS found FROM definitions
            ) ORDER BY ALL
        """)
        self._database.run("""
            CREATE TABLE findings AS
            SELECT row_number() OVER (ORDER BY asset_number, definition_number, port, protocol) AS number, * FROM (
                SELECT a.number AS asset_number, d.number AS definition_number, port, protocol, max(severity) AS severity,
                       max(r.vpr) AS vpr, max(r.cvss) AS cvss, min(first_seen) AS first_seen,
                       max(r.last_seen) AS last_seen, max(state) AS state
                FROM rows r JOIN assets a ON a.key = r.asset_key JOIN definitions d ON d.key = r.definition_key
                WHERE fault IS NULL GROUP BY 1, 2, 3, 4
            )
        """)
        rows, good, blank = self._database.one(
            f"SELECT count(*), count(*) FILTER (fault IS NULL), count(*) FILTER (fault = {BLANK}) FROM rows"
        )
        findings, is_open = self._database.one("SELECT count(*), count(*) FILTER (state > 0) FROM findings")
        (newest,) = self._database.one("SELECT max(last_seen) FROM rows WHERE fault IS NULL")
        malformed = len(self._rejected) - (rows - good - blank)
        return Counts(
            rows=rows + malformed,
            findings=findings,
            open=is_open,
            merged=good - findings,
            blank=blank,
            rejected=len(self._rejected),
            newest=newest,
        )

    def rejected(self) -> list[RejectedRow]:
        """The rows that were not taken over, in the order of the file."""
        return self._rejected

    def batches(self, table: str, columns: tuple[str, ...], size: int) -> Iterator[list[tuple[Any, ...]]]:
        """Yield a table's rows as tuples of SQL-ready values (dates as ISO text), ``size`` at a time, by rising number."""
        days = {"last_seen", "first_seen", "published", "updated"}
        selected = ", ".join(f"CAST({name} AS VARCHAR)" if name in days else name for name in columns)
        cursor = self._database.run(f"SELECT {selected} FROM {table} ORDER BY number")
        while batch := cursor.fetchmany(size):
            yield batch

    def count(self, table: str) -> int:
        """The number of a table's rows."""
        return int(self._database.one(f"SELECT count(*) FROM {table}")[0])

    def _mark_blank_rows(self) -> None:
        """Of the rows that name neither host nor plugin, find those without any text; that takes a pass of its own, so only then."""
        if not self._database.one("SELECT count(*) FROM rows WHERE asset_key IS NULL AND definition_key IS NULL")[0]:
            return
        cells = ", ".join(f"c{index}" for index in range(len(self._database.dialect.header)))
        self._database.run(
            f"CREATE TABLE texts AS SELECT trim(concat({cells}), {BLANKS}) = '' AS blank FROM {self._database.source()}"
        )
        self._database.run(f"UPDATE rows SET fault = {BLANK} FROM texts WHERE texts.rowid = rows.rowid AND texts.blank")


def _select(expressions: Dictionary[str, str]) -> str:
    return ", ".join(f"{expression} AS {name}" for name, expression in expressions.items())
