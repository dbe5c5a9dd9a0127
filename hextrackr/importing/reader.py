"""Reads a CSV file with DuckDB into neutral, deduplicated records.

Two passes over the file, so that its long text is never held at once: the first takes what each row says of its host and finding,
the second groups what the rows say of their definitions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Mapping as Dictionary
from dataclasses import replace
from typing import Any

from . import identifiers, recognition, rejects, scores, survey, swallowed
from .csvdatabase import CsvDatabase
from .dialect import Dialect
from .formats.format import Recognised
from .mapping import BLANK, BLANKS, DEFINITION_FIELDS, FAULTS, ROW_FIELDS, Mapping, Readings, quoted
from .neutral import Counts
from .rejects import VALUE_LENGTH, Malformed, RejectedRow


class Reader:
    """One file on its way through DuckDB. The steps are called in the order in which they stand here.

    :raises FileRefused: from any step, if the file turns out not to be readable.
    """

    def __init__(
        self,
        database: CsvDatabase,
        recognised: Recognised,
        sample: Sequence[Sequence[str]] = (),
        date_order: str | None = None,
    ) -> None:
        """Nothing is read yet.

        :param sample: the first rows, from :func:`.dialect.rows`.
        :param date_order: ``day-first`` or ``month-first`` if the user has said it.
        """
        self._database = database
        self._recognised = recognised
        self._sample = sample
        self._date_order = date_order
        self._mapping = Mapping(recognised, Readings())
        self._malformed: list[Malformed] = []
        self._footer: list[Malformed] = []
        self._rejected: list[RejectedRow] = []
        self._told: list[str] = []

    def close(self) -> None:
        """Give back the memory and the temporary files."""
        self._database.close()

    def read_rows(self) -> None:
        """First pass: every row's host and finding."""
        day_first, told = survey.date_order(self._database, self._recognised, self._sample, self._date_order)
        readings = Readings(day_first)
        self._read_rows(readings)
        if self._is_off_scale():
            scales, told_of_scores = survey.scales(self._database, self._recognised)
            self._read_rows(replace(readings, scales=scales, limited=True))
            told = told + told_of_scores
        self._mark_blank_rows()
        self._malformed = rejects.malformed(self._database, self._recognised)
        self._footer = rejects.footer(self._database.path, self._width, self._malformed)
        bad = self._malformed[: len(self._malformed) - len(self._footer)]
        self._rejected = rejects.collect(self._database, self._recognised, bad)
        self._told = told

    def read_definitions(self) -> None:
        """Second pass: what the rows say of their definitions, each once.

        Of different texts the greatest counts, so that the order of the rows does not matter.
        """
        m = self._mapping
        places = m.places(DEFINITION_FIELDS)
        greatest = ", ".join(f"max(c{place}) AS c{place}" for place in places)
        spans = swallowed.fits(set(places) - set(m.places(ROW_FIELDS)), self._width, self._database.dialect.delimiter)
        self._database.run(f"""
            CREATE TABLE definition_texts AS
            SELECT key, cve_text, suspect, {_select(m.definition())}
            FROM (SELECT key, cve_text, suspect, {m.cells(DEFINITION_FIELDS)}
                  FROM (SELECT {m.definition_key()} AS key, {greatest}, string_agg(DISTINCT {m.cve_text()}, ' ') AS cve_text,
                               bool_or({spans}) AS suspect
                        FROM {self._database.source()} GROUP BY 1))
        """)
        (suspect,) = self._database.one("""
            SELECT coalesce((SELECT bool_or(suspect) FROM rows), FALSE) OR coalesce((SELECT bool_or(suspect) FROM definition_texts), FALSE)
        """)
        if suspect:
            swallowed.refuse(self._database, self._recognised, {row.line for row in self._malformed})

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
                SELECT number, unnest(CASE WHEN len(named) > 0 THEN named ELSE advisories END) AS found FROM (
                    SELECT number, coalesce(regexp_extract_all(cve_text, {quoted(identifiers.ANY)}), []) AS named,
                           regexp_extract_all(advisory_text, {quoted(identifiers.ADVISORY)}) AS advisories
                    FROM definitions
                )
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

    def understood(self, counts: Counts) -> dict[str, Any]:
        """How the file was read, see :func:`.recognition.told`."""
        return recognition.told(
            self._database.dialect,
            self._recognised,
            self._database,
            rows=counts.rows,
            day_first=self._mapping.day_first,
        )

    def warnings(self) -> list[str]:
        """What the user should know of how the file was read, in plain sentences."""
        told = [_encoding(self._database.dialect), *self._told] if self._database.dialect.guessed else list(self._told)
        (odd,) = self._database.one("""
            SELECT coalesce((SELECT sum(odd_dates) FROM rows WHERE fault IS NULL), 0)
                   + coalesce((SELECT sum(odd_dates) FROM definitions), 0)
        """)
        if odd:
            what, were = ("date", "was") if odd == 1 else ("dates", "were")
            told.append(f"{odd} {what} could not be understood and {were} left out.")
        if self._footer:
            count, first = len(self._footer), self._footer[0].text.strip()[:100]
            which = "line was" if count == 1 else f"{count} lines were"
            told.append(f"The last {which} taken for a footer and left out: {first}")
        return told

    def batches(self, table: str, columns: tuple[str, ...], size: int) -> Iterator[list[tuple[Any, ...]]]:
        """A table's rows as tuples of SQL-ready values (dates as ISO text), ``size`` at a time, by rising number."""
        days = {"last_seen", "first_seen", "published", "updated"}
        selected = ", ".join(f"CAST({name} AS VARCHAR)" if name in days else name for name in columns)
        return self._database.batches(f"SELECT {selected} FROM {table} ORDER BY number", size)

    def count(self, table: str) -> int:
        """The number of a table's rows."""
        return int(self._database.one(f"SELECT count(*) FROM {table}")[0])

    @property
    def _width(self) -> int:
        return len(self._database.dialect.header)

    def _read_rows(self, readings: Readings) -> None:
        m = self._mapping = Mapping(self._recognised, readings)
        faults = " ".join(f"WHEN {fault.condition} THEN {number}" for number, fault in enumerate(FAULTS))
        values = " ".join(f"WHEN {fault.condition} THEN left({fault.value}, {VALUE_LENGTH})" for fault in FAULTS)
        read = m.places(ROW_FIELDS)
        unread = set(range(self._width)) - set(read) - set(m.places(DEFINITION_FIELDS))
        suspect = (
            f"{swallowed.spans_lines(read)} OR {swallowed.fits(unread, self._width, self._database.dialect.delimiter)}"
        )
        self._database.run(f"""
            CREATE OR REPLACE TABLE rows AS
            SELECT * EXCLUDE (severity_text, port_text, first_seen_text, last_seen_text),
                   CASE WHEN {m.blank()} THEN {BLANK} {faults} END AS fault, CASE {values} END AS fault_value,
                   CAST(first_seen_text IS NOT NULL AND first_seen IS NULL AS INTEGER)
                   + CAST(last_seen_text IS NOT NULL AND last_seen IS NULL AS INTEGER) AS odd_dates
            FROM (SELECT suspect, {_select(m.record())}
                  FROM (SELECT {m.cells(ROW_FIELDS)}, {suspect} AS suspect FROM {self._database.source()}))
        """)

    def _is_off_scale(self) -> bool:
        off = " OR ".join(f"max({name}) > {highest} OR min({name}) < 0" for name, highest in scores.HIGHEST.items())
        return bool(self._database.one(f"SELECT coalesce({off}, FALSE) FROM rows")[0])

    def _mark_blank_rows(self) -> None:
        """Of the rows that name neither host nor plugin, find those without any text; that takes a pass of its own, so only then."""
        nameless = f"asset_key IS NULL AND definition_key IS NULL AND fault <> {BLANK}"
        if not self._database.one(f"SELECT count(*) FROM rows WHERE {nameless}")[0]:
            return
        cells = ", ".join(f"c{index}" for index in range(len(self._database.dialect.header)))
        self._database.run(
            f"CREATE TABLE texts AS SELECT trim(concat({cells}), {BLANKS}) = '' AS blank FROM {self._database.source()}"
        )
        self._database.run(f"UPDATE rows SET fault = {BLANK} FROM texts WHERE texts.rowid = rows.rowid AND texts.blank")


def _encoding(dialect: Dialect) -> str:
    if dialect.encoding == "utf-8":
        return "The file is in UTF-8, but not everywhere; what is not was taken to be cp1252."
    return f"The file is not in UTF-8; its encoding was taken to be {dialect.encoding}."


def _select(expressions: Dictionary[str, str]) -> str:
    return ", ".join(f"{expression} AS {name}" for name, expression in expressions.items())
