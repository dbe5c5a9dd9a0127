"""The passes over a file, as SQL for DuckDB, and the columns of the scanner-neutral rows that come of them: the staging schema. Pure.

There are three passes, so that repeated texts are stored only once: the first reads the finding of each row, and a hash code of the texts
about its host and its definition; the other two read those texts, each once. If the file is not too large, the first pass also stores the
texts about hosts, which are short, so that the second pass need not read the file again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from collections.abc import Mapping as Dictionary
from dataclasses import dataclass
from datetime import date

from hextrackr.domain import fields
from hextrackr.domain.fields import VULNERABILITY, Kind, names
from hextrackr.domain.models import WORST_FIRST

from . import cell_sql, evidence, row_errors
from .dialect import Dialect
from .formats.format import HOST_FIELDS
from .mapping import DEFINITION_DATES, DEFINITION_FIELDS, FAULTS, KEY_FIELDS, ROW_DATES, ROW_FIELDS, Mapping

#: The open findings of a host or definition in a file: how many of each severity, and the sum of their VPR.
WEIGHT_COLUMNS = (*(severity.name.lower() for severity in WORST_FIRST), "vpr_sum")
#: The columns are in the order of the staging tables, after the import's id.
ASSET_COLUMNS = ("number", "key", *names(fields.HOST), *WEIGHT_COLUMNS)
IDENTIFIER_COLUMNS = ("number", "kind", "realm", "value")
DEFINITION_COLUMNS = ("number", "key", "titled", *names(fields.VULNERABILITY), *WEIGHT_COLUMNS)
CVE_COLUMNS = ("number", "cve")
#: Values that many findings have in common, and the number of those findings.
OBSERVATION_COLUMNS = (
    "number", "protocol", "severity", *names(fields.FINDING), "first_seen", "last_seen", "resolved_on", "state", "findings",
)  # fmt: skip
#: The hosts and findings of rejected rows, which were not checked; NULL means any.
UNCHECKED_COLUMNS = ("number", "asset_number", "definition_number", "port", "protocol")
FINDING_COLUMNS = ("number", "asset_number", "definition_number", "port", "observation_number", "evidence_number")
#: The texts of findings' evidence, and the details of hosts and definitions.
EVIDENCE_COLUMNS = ("number", "digest")
TEXT_COLUMNS = ("digest", "text")
DETAIL_COLUMNS = ("number", "level", "details")


@dataclass(frozen=True)
class Counts:
    """The counts of a file's rows. No row is lost silently: always ``rows == findings + merged + blank + rejected``.

    :ivar rows: the rows below the header, each once however many lines it has. Empty lines do not count, nor do the lines of a footer,
        which a warning names.
    :ivar findings: distinct findings by host, definition, port and protocol, whatever their state: open, fixed or passed.
    :ivar open: those of them that are open.
    :ivar merged: rows with the same finding as another row, such as the row for each CVE of a plugin.
    :ivar blank: rows without text, or without a finding according to the scanner.
    :ivar rejected: rows that are stored as rejects, with their lines and reasons.
    :ivar started: the newest day on which the scan began, from its own information.
    :ivar newest: the newest day on which a finding was seen or fixed, without a single host whose clock is wrong.
    """

    rows: int
    findings: int
    open: int
    merged: int
    blank: int
    rejected: int
    started: date | None
    newest: date | None


#: The texts of a definition that may hold markup.
MARKED_UP = tuple(field.name for field in VULNERABILITY if field.markup)
#: What :func:`examples` selects.
EXAMPLE = (
    "ordinal", "cells", "host", "ip", "plugin_id", "title", "severity", "state", "port", "protocol", "cvss", "vpr",
    "first_seen", "last_seen", "faults", "values",
)  # fmt: skip
#: How long the texts of a definition may be, in characters.
_LIMITS = {field.name: field.limit for field in VULNERABILITY if field.kind is Kind.TEXT}


def rows(m: Mapping, source: str, dialect: Dialect, *, store_hosts: bool) -> str:
    """Make the table ``rows``.

    :param source: the file as a table function, see :meth:`.csv_database.CsvDatabase.source`.
    :param store_hosts: store the cells about each row's host, for :func:`stored_hosts`.
    """
    read, hosts = m.places(ROW_FIELDS), m.places(HOST_FIELDS) if store_hosts else []
    taken, stored = "".join(f", c{place} AS h{place}" for place in hosts), "".join(f", h{place}" for place in hosts)
    unread = set(range(len(dialect.header))) - set(m.places((*ROW_FIELDS, *HOST_FIELDS, *DEFINITION_FIELDS)))
    return f"""
        CREATE OR REPLACE TABLE rows AS
        SELECT * EXCLUDE (severity_text, state_text, port_text, protocol_text, {_texts(ROW_DATES)}) REPLACE ({_believed(m, ROW_DATES)}),
               {_left_out(m, ROW_DATES)}
        FROM (SELECT asset_code, definition_code, evidence_code, suspect, scan_start, {_select(m.finding())}{stored}
              FROM (SELECT {m.code(HOST_FIELDS)} AS asset_code, {m.code(KEY_FIELDS)} AS definition_code,
                           {evidence.code(m)} AS evidence_code, {m.cells(ROW_FIELDS)},
                           {row_errors.spans_lines(read)} OR {_fits(unread, dialect)} AS suspect,
                           {m.scan_start()} AS scan_start{taken}
                    FROM {source}))
    """


def stored_hosts(m: Mapping) -> str:
    """The cells about hosts that ``rows`` stores, each once: the source for :func:`assets` in place of the file."""
    stored = ", ".join(f"any_value(h{place}) AS c{place}" for place in m.places(HOST_FIELDS)) or "1"
    return f"(SELECT {stored} FROM rows GROUP BY asset_code)"


def drop_stored_hosts(m: Mapping) -> str:
    """Drop the cells about hosts that ``rows`` stores."""
    return "; ".join(f"ALTER TABLE rows DROP COLUMN h{place}" for place in m.places(HOST_FIELDS))


def assets(m: Mapping, source: str) -> str:
    """Make the table ``asset_texts``.

    :param source: the file, or :func:`stored_hosts`.
    """
    places = m.places(HOST_FIELDS)
    read = ", ".join(f"c{place}" for place in places) or "1"
    return f"""
        CREATE TABLE asset_texts AS
        SELECT code, suspect, {_select(m.asset())}
        FROM (SELECT {m.code(HOST_FIELDS)} AS code, {row_errors.spans_lines(places)} AS suspect, {m.cells(HOST_FIELDS)}
              FROM (SELECT DISTINCT {read} FROM {source}))
    """


def definitions(m: Mapping, source: str, dialect: Dialect) -> str:
    """Make the table ``definition_texts``, once ``definition_codes`` is filled."""
    of_definitions = evidence.details_of_definitions(m)
    fields, names = m.places(DEFINITION_FIELDS), of_definitions.names
    places = sorted({*fields, *of_definitions.places})
    read = ", ".join(f"c{place}" for place in places)
    greatest = ", ".join(f"max(c{place}) AS c{place}" for place in places)
    named = m.named()
    every = ", ".join(f"string_agg(DISTINCT {text}, ' ') AS {name}" for name, text in named.items())
    ids = ", ".join(named)
    fits = _fits(set(fields) - set(m.places(ROW_FIELDS)), dialect)
    short = ", ".join(
        f"{cell_sql.bounded(text, limit, cell_sql.mark_of(limit))} AS {text}" for text, limit in _LIMITS.items()
    )
    cut = cell_sql.cuts(_LIMITS)
    texts = "".join(f", {text}" for text in of_definitions.texts())
    return f"""
        CREATE OR REPLACE TABLE definition_texts AS
        SELECT * EXCLUDE ({", ".join((_texts(DEFINITION_DATES), *names))}) REPLACE ({_believed(m, DEFINITION_DATES)}, {short}),
               {_left_out(m, DEFINITION_DATES)}, {cut} AS cut_texts,
               {of_definitions.as_json()} AS details, {of_definitions.cuts()} AS cut_details
        FROM (SELECT key, {ids}, suspect, {_select(m.definition())}{texts}
              FROM (SELECT key, {ids}, suspect, {m.cells_at(places)}
                    FROM (SELECT key, {greatest}, {every}, bool_or({fits}) AS suspect
                          FROM (SELECT *, {m.code(KEY_FIELDS)} AS code FROM (SELECT DISTINCT {read} FROM {source}))
                          JOIN definition_codes USING (code) GROUP BY key)))
    """


def examples(m: Mapping, source: str, dialect: Dialect, count: int, limit: int) -> str:
    """Select what each of the first rows says, as :data:`EXAMPLE`: its cells, its finding, and which of :data:`.mapping.FAULTS` it has.

    :param limit: how much is shown of a cell, in characters.
    """
    cells = ", ".join(f"left(c{place}, {limit})" for place in range(len(dialect.header)))
    fields = m.cells((*HOST_FIELDS, *ROW_FIELDS, *DEFINITION_FIELDS))
    faults = ", ".join(f"CASE WHEN {fault.condition} THEN {number} END" for number, fault in enumerate(FAULTS))
    values = ", ".join(f"left({fault.value}, {limit})" for fault in FAULTS)
    return f"""
        SELECT ordinal, cells, coalesce(name, names[1], addresses[1], ids[1]), addresses[1], definition_key,
               left({m.definition()["title"]}, {limit}), severity, state, port, protocol, cvss, vpr,
               {_believed(m, ("first_seen", "last_seen"))}, [{faults}], [{values}]
        FROM (SELECT *, definition_key AS key
              FROM (SELECT *, {_select(m.asset())}, {_select(m.finding())}
                    FROM (SELECT row_number() OVER () - 1 AS ordinal, [{cells}] AS cells, {fields}
                          FROM (SELECT * FROM {source} LIMIT {count}))))
    """


def words(m: Mapping, source: str, field: str, limit: int) -> str:
    """Select the values of a field as they are compared and as they are written, with how many rows have each, the frequent ones first."""
    return f"""
        SELECT coalesce({m.word(field)}, '') AS word, coalesce(any_value({m.text(field)}), ''), count(*) AS rows
        FROM (SELECT {m.cells([field])} FROM {source}) GROUP BY word ORDER BY rows DESC, word LIMIT {limit}
    """


def _fits(places: Collection[int], dialect: Dialect) -> str:
    return row_errors.fits(places, len(dialect.header), dialect.delimiter)


def _texts(fields: Iterable[str]) -> str:
    return ", ".join(f"{field}_text" for field in fields)


def _believed(m: Mapping, fields: Iterable[str]) -> str:
    """Replace the days of these fields by NULL where they are not believable."""
    return ", ".join(f"{cell_sql.believable_day(field, m.readings.today)} AS {field}" for field in fields)


def _left_out(m: Mapping, fields: Iterable[str]) -> str:
    """The number of these fields whose text is no believable day: ``odd_dates``, and ``dates_to_come``, which lie in the future."""
    conditions = zip(
        *(cell_sql.left_out_days(f"{field}_text", field, m.readings.today) for field in fields), strict=True
    )
    odd, to_come = (" + ".join(f"CAST({condition} AS INTEGER)" for condition in each) for each in conditions)
    return f"{odd} AS odd_dates, {to_come} AS dates_to_come"


def _select(expressions: Dictionary[str, str]) -> str:
    return ", ".join(f"{expression} AS {name}" for name, expression in expressions.items())
