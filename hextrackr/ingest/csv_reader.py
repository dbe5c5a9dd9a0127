"""Read a CSV file with DuckDB into deduplicated rows of the staging schema.

There are three passes over the file, see :mod:`.read_queries`; their results are numbered, see :mod:`.deduplication`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from threading import Event
from typing import Any

from hextrackr.domain.evidence import Sampled
from hextrackr.errors import HexTrackrError

from . import cell_sql, column_stats, damage, deduplication, evidence, read_queries, recognition, row_errors, scan_date
from .csv_database import CsvDatabase, IrregularCsv
from .damage import Separated
from .dialect import Dialect
from .formats.format import Recognised
from .mapping import Mapping, Readings, quoted
from .read_queries import Counts
from .row_errors import RejectedRow
from .scan_date import ScanDates

#: The share of the first pass in the time of the first two; the larger one if the second pass need not read the file.
_ROWS_SHARE, _ROWS_SHARE_ALONE = 0.78, 0.92
#: Up to this size the first pass stores the hosts' cells, as reading them again takes longer; with a larger file they would spill.
STORES_HOSTS_BYTES = 1024**3


class Reader:
    """Reads one file with DuckDB. The public steps are called in the order of their definition.

    :raises FileRefused: from any step, if the file turns out not to be readable.
    """

    def __init__(
        self,
        database: CsvDatabase,
        recognised: Recognised,
        sample: Sequence[Sequence[str]] = (),
        date_order: str | None = None,
        separated: Separated | None = None,
        *,
        today: date = date.max,
    ) -> None:
        """Prepare the reader; nothing is read yet.

        :param sample: the first rows, from :func:`.dialect.rows`.
        :param date_order: ``day-first`` or ``month-first`` if the user has chosen one.
        :param separated: the rows that were removed because they are not valid CSV; None if all rows must be valid.
        :param today: the day of the import: later dates are ignored.
        """
        self._database = database
        self._recognised = recognised
        self._sample = sample
        self._date_order = date_order
        self._today = today
        self._mapping = Mapping(recognised, Readings())
        self._separated = separated
        self._rejected: list[RejectedRow] = []
        self._warnings: list[str] = []
        self._rows = 0
        self._stores_hosts = database.size <= STORES_HOSTS_BYTES
        self._pass = (0.0, _ROWS_SHARE_ALONE if self._stores_hosts else _ROWS_SHARE)
        self._beside: CsvDatabase | None = None

    def close(self) -> None:
        """Free the memory and the temporary files."""
        self._database.close()

    def progress(self) -> float:
        """The progress of :meth:`read_rows`, 0..1; for another thread."""
        passed, share = self._pass
        return passed + share * self._database.progress()

    def read_rows(self) -> None:
        """First pass: every row's finding. Second pass: the hosts.

        :raises IrregularCsv: a row is not valid CSV, or DuckDB has read a wrong number of rows.
        :raises NotUtf8: some bytes of the file are not UTF-8.
        """
        self._warnings = self._read_findings() if self._separated else self._read_counted()
        (self._rows,) = self._database.one("SELECT count(*) FROM rows")
        if self._separated and self._rows != self._separated.rows:
            raise IrregularCsv
        self._pass = (self._pass[1], 1 - self._pass[1])
        self._read_assets()
        deduplication.code(self._database)
        row_errors.separate_faulty(self._database, self._mapping)
        self._rejected = row_errors.collect_rejects(
            self._database, self._recognised, self._separated.malformed if self._separated else []
        )

    def _read_counted(self) -> list[str]:
        """Read the findings, and count the rows in a thread meanwhile; return warnings for the user."""
        database, ended = self._database, Event()

        def counted(empty_lines: bool) -> int:
            try:
                return damage.count(database.path, database.dialect, empty_lines=empty_lines, stopped=ended.is_set)
            except HexTrackrError:
                database.interrupt()
                raise

        with ThreadPoolExecutor(1, "counting") as beside:
            count = beside.submit(counted, False)
            try:
                warnings = self._read_findings()
            except IrregularCsv:
                ended.set()
                count.result()  # may raise a more precise error
                raise
            except BaseException:
                ended.set()
                raise
            expected = count.result()
            (rows,) = database.one("SELECT count(*) FROM rows")
            if rows != expected and rows != counted(True):
                raise IrregularCsv
        return warnings

    def _read_findings(self) -> list[str]:
        """Do the first pass, once more if dates or scores need it; return warnings for the user."""
        day_first, warnings = column_stats.date_order(self._database, self._recognised, self._sample, self._date_order)
        readings = Readings(
            day_first, self._today, usual_dates=column_stats.dates_are_usual(self._recognised, self._sample)
        )
        self._read_rows(readings)
        better = readings
        if readings.usual_dates and self._has_odd_dates("rows"):
            better = replace(better, usual_dates=False)
        if self._is_off_scale():
            scales, score_warnings = column_stats.scales(self._database, self._recognised)
            better = replace(better, scales=scales, limited=True)
            warnings = warnings + score_warnings
        if better != readings:
            self._read_rows(better)
        return warnings

    def deduplicate(self) -> Counts:
        """Number assets and definitions, merge the rows of one finding, and count."""
        deduplication.number(self._database, unreadable=self._separated is not None and self._separated.count > 0)
        (good,) = self._database.one("SELECT count(*) FROM rows")
        blank = row_errors.count_blank(self._database)
        findings, is_open = self._database.one("SELECT count(*), count(*) FILTER (state > 0) FROM findings")
        malformed = self._separated.count if self._separated else 0
        return Counts(
            rows=self._rows + malformed,
            findings=findings,
            open=is_open,
            merged=good - findings,
            blank=blank,
            rejected=malformed + self._rows - good - blank,
            started=self._started(),
            newest=self._newest(),
        )

    @property
    def day_first(self) -> bool:
        """Whether the day comes first in the file's numeric dates."""
        return self._mapping.readings.day_first

    def _started(self) -> date | None:
        believed = cell_sql.believable_day("day", self._today)
        return self._newest_of(f"""
            SELECT asset_code AS host, {believed} AS day
            FROM (SELECT asset_code, CAST(try_strptime(replace(scan_start, '/', '-'), '%Y-%m-%d') AS DATE) AS day
                  FROM rows WHERE scan_start IS NOT NULL)
        """)

    def _newest(self) -> date | None:
        """The newest day in the data. Days of fixes alone do not date a scan: the last fix may be long ago."""
        (seen,) = self._database.one("SELECT max(last_seen) FROM findings")
        days = "SELECT asset_number AS host, greatest(last_seen, resolved_on) AS day FROM findings"
        return self._newest_of(days) if seen is not None else None

    def _newest_of(self, days: str) -> date | None:
        """The newest day of a query for ``host`` and ``day``, see :func:`.scan_date.newest`."""
        return scan_date.newest(
            *self._database.one(f"""
                WITH hosts AS (SELECT host, max(day) AS day FROM ({days}) WHERE day IS NOT NULL GROUP BY host)
                SELECT count(*), max(day), count(*) FILTER (day = (SELECT max(day) FROM hosts)),
                       max(day) FILTER (day < (SELECT max(day) FROM hosts))
                FROM hosts
            """)
        )

    def read_definitions(self) -> None:
        """Third pass: the definitions, the details, and the evidence of the findings.

        Another thread may read batches of findings meanwhile. If rows have different texts, the greatest one is used, so that the order
        of the rows does not matter.
        """
        database = self._beside = self._database.branch()
        self._describe(database, self._mapping)
        if self._mapping.readings.usual_dates and self._has_odd_dates("definition_texts", database):
            self._describe(database, Mapping(self._recognised, replace(self._mapping.readings, usual_dates=False)))
        (suspect,) = database.one("""
            SELECT bool_or(suspect) IS TRUE
            FROM (SELECT suspect FROM rows UNION ALL SELECT suspect FROM asset_texts UNION ALL SELECT suspect FROM definition_texts)
        """)
        if suspect or row_errors.has_suspect(database):
            row_errors.refuse_swallowed_rows(database, self._recognised)
        deduplication.describe(database)
        evidence.read_details(database, self._mapping)
        evidence.read_evidence(database, self._mapping)

    def _describe(self, database: CsvDatabase, mapping: Mapping) -> None:
        database.run(read_queries.definitions(mapping, database.source(), database.dialect), keep_order=False)
        if self._recognised.format.markup:
            unescape(database, "definition_texts", read_queries.MARKED_UP)

    def subjects(self) -> int:
        """The number of hosts and definitions, once the rows are deduplicated."""
        return self.count("asset_numbers") + self.count("definition_numbers")

    def texts(self) -> int:
        """The number of different texts of evidence, once the rows are deduplicated."""
        return self.count("evidence_numbers")

    def evidence_sample(self) -> list[Sampled]:
        """Some findings with the evidence of the first rows, once the rows are deduplicated; the last of them may be cut off."""
        return evidence.sample(self._database, self._mapping, self._sample[:-1])

    def interrupt(self) -> None:
        """Interrupt :meth:`read_definitions` in another thread."""
        if self._beside is not None:
            self._beside.interrupt()

    def rejected(self) -> list[RejectedRow]:
        """The first rejected rows, in the order of the file."""
        return self._rejected

    def examples(self, count: int, limit: int) -> list[dict[str, Any]]:
        """The values of the first rows, see :func:`.read_queries.examples`, each with its ``line`` in the file."""
        database = self._database
        statement = read_queries.examples(self._mapping, database.source(), database.dialect, count, limit)
        rows = [dict(zip(read_queries.EXAMPLE, row, strict=True)) for row in database.all(statement)]
        lines = row_errors.lines_of_records(database.path, database.dialect, {row["ordinal"] for row in rows})
        return [{**row, "line": lines.get(row["ordinal"], 0)} for row in rows]

    def recognition(self, counts: Counts, scan_dates: ScanDates) -> dict[str, Any]:
        """How the file was understood, see :func:`.recognition.describe`."""
        return recognition.describe(
            self._database.dialect,
            self._recognised,
            self._database,
            rows=counts.rows,
            scan_dates=scan_dates,
            in_future=self._left_out()[1],
        )

    def warnings(self) -> list[str]:
        """Warnings for the user about how the file was read."""
        warnings = list(self._warnings)
        if self._database.dialect.guessed:
            warnings.insert(0, _encoding(self._database.dialect))
        odd, in_future = self._left_out()
        if odd:
            what, were = ("date", "was") if odd == 1 else ("dates", "were")
            warnings.append(f"{odd} {what} could not be understood and {were} left out.")
        if in_future:
            what, lies, were = ("date", "lies", "was") if in_future == 1 else ("dates", "lie", "were")
            warnings.append(f"{in_future} {what} {lies} in the future and {were} left out.")
        warnings += self._cut()
        footer = self._separated.footer if self._separated else []
        if lines := [row.text.strip() for row in footer if not row_errors.is_empty(row.text)]:
            count, first = len(lines), lines[0][:100]
            which = "line was" if count == 1 else f"{count} lines were"
            warnings.append(f"The last {which} taken for a footer and left out: {first}")
        return warnings

    def _left_out(self) -> tuple[int, int]:
        """The number of dates that were left out: those that could not be understood, and those in the future."""
        odd, in_future = self._database.one("""
            SELECT coalesce(sum(odd_dates), 0), coalesce(sum(dates_to_come), 0)
            FROM (SELECT odd_dates, dates_to_come FROM rows UNION ALL SELECT odd_dates, dates_to_come FROM definitions)
        """)
        return int(odd), int(in_future)

    def _cut(self) -> list[str]:
        """Warnings about texts and lists that were cut to their limits."""
        database = self._database
        (texts,) = database.one("SELECT coalesce(sum(cut_texts), 0) FROM definitions")
        (left_out,) = database.one("SELECT (SELECT count(*) FROM all_cves) - (SELECT count(*) FROM cves)")
        cves = (
            [f"A vulnerability names more than {cell_sql.MAX_CVES:,} CVEs; {left_out:,} were left out."]
            if left_out
            else []
        )
        return [
            *cell_sql.cut_warnings("text of vulnerabilities", int(texts)),
            *cell_sql.cut_warnings("detail", evidence.cut_details(database)),
            *cell_sql.cut_warnings("text of evidence", evidence.cut_evidence(database)),
            *cves,
        ]

    def batches(self, table: str, columns: tuple[str, ...], size: int) -> Iterator[list[tuple[Any, ...]]]:
        """Yield a table's rows in the order of their numbers, ``size`` at a time, as tuples of SQL values (dates as ISO text)."""
        days = {"last_seen", "first_seen", "resolved_on", "published", "updated"}
        selected = ", ".join(f"CAST({name} AS VARCHAR)" if name in days else name for name in columns)
        return self._database.batches(f"SELECT {selected} FROM {table} ORDER BY number", size)

    def lines(self, table: str, cells: Sequence[str], size: int) -> Iterator[tuple[int, str]]:
        """Yield a table's rows in the order of their numbers, up to ``size`` at a time: their count, and one text of lines with tabs.

        :param cells: expressions of the values between the tabs, which are never NULL.
        """
        (last,) = self._database.one(f"SELECT coalesce(max(number), 0) FROM {table}")
        line = f"concat_ws(chr(9), {', '.join(cells)})"
        for first in range(1, last + 1, size):
            count, text = self._database.one(
                f"SELECT count(*), string_agg({line}, chr(10)) FROM {table} WHERE number BETWEEN {first} AND {first + size - 1}"
            )
            if count:
                yield count, text

    def count(self, table: str) -> int:
        """Count a table's rows."""
        return int(self._database.one(f"SELECT count(*) FROM {table}")[0])

    def _read_rows(self, readings: Readings) -> None:
        database = self._database
        self._mapping = Mapping(self._recognised, readings)
        statement = read_queries.rows(
            self._mapping, database.source(), database.dialect, store_hosts=self._stores_hosts
        )
        database.run(statement, keep_order=False)

    def _read_assets(self) -> None:
        source = read_queries.stored_hosts(self._mapping) if self._stores_hosts else self._database.source()
        self._database.run(read_queries.assets(self._mapping, source), keep_order=False)
        deduplication.spell_addresses(self._database)
        deduplication.group(self._database)
        if self._stores_hosts:
            self._database.run(read_queries.drop_stored_hosts(self._mapping))

    def _has_odd_dates(self, table: str, database: CsvDatabase | None = None) -> bool:
        return bool((database or self._database).one(f"SELECT coalesce(max(odd_dates), 0) > 0 FROM {table}")[0])

    def _is_off_scale(self) -> bool:
        off = " OR ".join(
            f"max({name}) > {highest} OR min({name}) < 0" for name, highest in cell_sql.HIGHEST_SCORES.items()
        )
        return bool(self._database.one(f"SELECT coalesce({off}, FALSE) FROM rows")[0])


def _encoding(dialect: Dialect) -> str:
    if dialect.encoding == "utf-8":
        return "The file is in UTF-8, but not everywhere; what is not was taken to be cp1252."
    return f"The file is not in UTF-8; its encoding was taken to be {dialect.encoding}."


#: Number of different entities of a column that are replaced; no language needs as many.
_MOST = 500


def unescape(database: CsvDatabase, table: str, columns: Sequence[str]) -> None:
    """Replace every entity in these columns of texts without tags."""
    for column in columns:
        found = database.all(f"""
            SELECT DISTINCT unnest(regexp_extract_all({column}, {quoted(cell_sql.ENTITY)})) AS entity
            FROM {table} WHERE contains({column}, '&') ORDER BY entity LIMIT {_MOST}
        """)
        if found:
            text = cell_sql.trimmed(cell_sql.unescaped(column, (entity for (entity,) in found)))
            database.run(f"UPDATE {table} SET {column} = coalesce({text}, {column}) WHERE contains({column}, '&')")
