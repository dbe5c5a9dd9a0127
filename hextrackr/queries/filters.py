"""What a list of findings can be limited to: a row for each filter, with its parameter, how it is read, its SQL and its sentence.

The SQL is a condition on a finding ``f`` of the copy, its host ``h``, its vulnerability ``d``, its source ``s`` and the sighting ``w`` that
tells when it was seen last; ``$name`` stands for what was read of the parameter of that name. While a filter is typed, the hosts, CVEs,
families and the like that are on record are suggested.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from hextrackr.domain.fields import Field, Kind
from hextrackr.domain.models import OPEN, EventKind, Lifecycle, Severity
from hextrackr.domain.sources import RETIRED
from hextrackr.errors import RequestError
from hextrackr.readmodel.questions import question

from . import parameters
from .columns import HOST_NAME, LISTED

if TYPE_CHECKING:
    import duckdb

Arguments = Mapping[str, str]

_SEVERITIES = {severity.name.lower(): severity.value for severity in Severity}
_STATES = {
    "open": tuple(state.value for state in OPEN),
    **{state.value: (state.value,) for state in Lifecycle},
    RETIRED: (RETIRED,),
}
#: Texts that a search can include, in addition to names, addresses, titles and CVEs.
SEARCHED_TEXTS = ("description", "solution", "evidence")
#: The maximum number of words of a search.
_MAX_WORDS = 10


@dataclass(frozen=True)
class Filter:
    """A filter.

    :ivar parameter: its name in a query string.
    :ivar read: parses the parameter and returns the values for the SQL; None if the parameter is missing.
    :ivar sql: the condition.
    :ivar sentence: the description for users, such as ``Port {}``, with a placeholder for the value.
    :ivar shown: formats the value for the sentence.
    """

    parameter: str
    read: Callable[[Arguments, str], dict[str, Any] | None]
    sql: str
    sentence: str
    shown: Callable[[str], str] = str.strip


@dataclass(frozen=True)
class Where:
    """The combined condition of a query string.

    :ivar sql: the condition; TRUE without filters.
    :ivar values: name -> value of each ``$name`` in the SQL.
    :ivar sentences: parameter -> its description for users.
    """

    sql: str
    values: dict[str, Any]
    sentences: dict[str, str]


# Parsers of parameters; each returns the values for the SQL.


def _text(arguments: Arguments, name: str) -> dict[str, Any] | None:
    text = parameters.text(arguments, name)
    return {name: text} if text else None


def _lower(arguments: Arguments, name: str) -> dict[str, Any] | None:
    text = parameters.text(arguments, name)
    return {name: text.lower()} if text else None


def _number(minimum: int, maximum: int, arguments: Arguments, name: str) -> dict[str, Any] | None:
    text = parameters.text(arguments, name)
    return {name: parameters.number(name, text, minimum, maximum)} if text else None


def _numbers(arguments: Arguments, name: str) -> dict[str, Any] | None:
    numbers = parameters.numbers(arguments, name)
    return {name: numbers} if numbers else None


def _score(highest: float, arguments: Arguments, name: str) -> dict[str, Any] | None:
    text = parameters.text(arguments, name)
    return {name: parameters.score(name, text, highest)} if text else None


def _day(arguments: Arguments, name: str) -> dict[str, Any] | None:
    day = parameters.day(arguments, name)
    return {name: day} if day else None


def _days_ago(arguments: Arguments, name: str) -> dict[str, Any] | None:
    """Parse a number of days into the day that long ago; ``today`` in the arguments overrides the clock."""
    text = parameters.text(arguments, name)
    if not text:
        return None
    today = parameters.day(arguments, "today") or date.today()
    return {name: today - timedelta(days=parameters.number(name, text, 0, 36_500))}


def _severities(arguments: Arguments, name: str) -> dict[str, Any] | None:
    chosen = parameters.chosen(arguments, name, _SEVERITIES)
    return {name: chosen} if chosen else None


def _states(arguments: Arguments, name: str) -> dict[str, Any] | None:
    chosen = [state for states in parameters.chosen(arguments, name, _STATES) for state in states]
    return {name: chosen} if chosen else None


def _host(arguments: Arguments, name: str) -> dict[str, Any] | None:
    """Parse a host: a number is an id, any other text a name or an address."""
    text = parameters.text(arguments, name)
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return {"hostNumber": parameters.number(name, text, 1, parameters.MAX_NUMBER), "hostName": None}
    return {"hostNumber": None, "hostName": host_name(text)}


def host_name(text: str) -> str:
    """Return the normalised name or address of a host, for comparisons."""
    return text.lower().removesuffix(".")


def _boolean(arguments: Arguments, name: str) -> dict[str, Any] | None:
    text = parameters.text(arguments, name)
    if text not in ("", "true", "false"):
        raise RequestError(f"{name} must be true or false.")
    return {name: text == "true"} if text else None


def _spaced(values: str) -> str:
    """Write values with a space after each comma."""
    return ", ".join(value.strip() for value in values.split(","))


def _instant(text: str) -> str:
    """Format milliseconds since the epoch as a readable time."""
    return f"{datetime.fromtimestamp(int(text) // 1000, UTC):%Y-%m-%d %H:%M} UTC"


#: SQL: one of the names and addresses of the host ``h`` is ``$hostName``, which is normalised by :func:`host_name`.
HOST_NAMED = """
    ($hostName IN (lower(h.name), lower(h.fqdn), lower(h.netbios), lower(h.ip))
     OR h.id IN (SELECT host_id FROM host_identifier WHERE value = $hostName))
"""
#: The filters that do not follow from the field registry.
_OWN = (
    Filter("severity", _severities, "list_contains($severity, f.severity)", "Severity {}", _spaced),
    Filter("state", _states, "list_contains($state, f.state)", "State {}"),
    Filter("source", _numbers, "list_contains($source, f.source_id)", "Source {}"),
    Filter(
        "host",
        _host,
        f"""
        f.host_id IN (
            SELECT id FROM host WHERE machine_id IN (
                SELECT machine_id FROM host h WHERE h.id = $hostNumber OR {HOST_NAMED}))
        """,
        "Host {}",
    ),
    Filter(
        "definition", partial(_number, 1, parameters.MAX_NUMBER), "f.definition_id = $definition", "Vulnerability {}"
    ),
    Filter(
        "cve",
        _text,
        "f.definition_id IN (SELECT definition_id FROM definition_cve WHERE cve = upper($cve))",
        "{}",
    ),
    Filter("port", partial(_number, 0, 65_535), "f.port = $port", "Port {}"),
    Filter("protocol", _lower, "f.protocol = $protocol", "Protocol {}"),
    Filter("firstSeenFrom", _day, "f.first_seen >= $firstSeenFrom", "First seen from {}"),
    Filter("firstSeenTo", _day, "f.first_seen <= $firstSeenTo", "First seen until {}"),
    Filter("lastSeenFrom", _day, "w.day >= $lastSeenFrom", "Last seen from {}"),
    Filter("lastSeenTo", _day, "w.day <= $lastSeenTo", "Last seen until {}"),
    Filter("ageMin", _days_ago, "f.first_seen <= $ageMin", "Open for at least {} days"),
    Filter("ageMax", _days_ago, "f.first_seen >= $ageMax", "Open for at most {} days"),
    Filter("resolvedFrom", _day, "f.resolved_on >= $resolvedFrom", "Resolved from {}"),
    Filter("resolvedTo", _day, "f.resolved_on <= $resolvedTo", "Resolved until {}"),
    Filter(
        "newSince",
        _day,
        "f.opened_by IN (SELECT id FROM import WHERE scan_date >= $newSince)",
        "New since {}",
    ),
)

#: SQL: the import ``i`` is the first scan of its source, or an older scan that was imported later.
OF_FIRST_SCAN = """
    coalesce(i.scan_date <= (SELECT arg_min(scan_date, place) FROM import WHERE source_id = i.source_id), FALSE)
"""
#: The last instant that can be filtered by, the end of the year 9999 in milliseconds.
_LAST_INSTANT = 253_402_300_799_999
#: The filters for findings that an import changed: conditions on the import ``i``, all of which the same import must satisfy.
_OF_IMPORTS = (
    Filter("changedBy", _numbers, "list_contains($changedBy, i.id)", "Changed by import {}"),
    Filter("changedFrom", _day, "i.scan_date >= $changedFrom", "Changed by scans from {}"),
    Filter("changedTo", _day, "i.scan_date <= $changedTo", "Changed by scans until {}"),
    Filter(
        "importedAfter",
        partial(_number, 0, _LAST_INSTANT),
        "i.finished_at > $importedAfter",
        "Changed by imports after {}",
        _instant,
    ),
    Filter(
        "firstScan",
        _boolean,
        f"{OF_FIRST_SCAN} = $firstScan",
        "{}",
        {"true": "By the first scan of a source", "false": "Not by the first scan of a source"}.__getitem__,
    ),
)


def _changed(imports: str) -> str:
    """Return the condition that one of these imports opened the finding, or made the ``$change`` to it."""
    return f"""
        (coalesce($change, 'opened') = 'opened' AND f.opened_by IN (SELECT i.id FROM import i WHERE {imports}))
        OR f.id IN (SELECT finding_id FROM finding_change
                    WHERE import_id IN (SELECT i.id FROM import i WHERE {imports}) AND kind = coalesce($change, kind))
    """


def _declared(field: Field, alias: str) -> Iterator[Filter]:
    """Yield the filters of a listed field: equality for a text, minimum and maximum for a score or a day."""
    column, key, label = f"{alias}.{field.name}", field.key, field.label
    if field.kind is Kind.TEXT:
        yield Filter(key, _text, f"{column} = ${key}", f"{label} {{}}")
    elif field.kind is Kind.DAY:
        yield Filter(f"{key}From", _day, f"{column} >= ${key}From", f"{label} from {{}}")
        yield Filter(f"{key}To", _day, f"{column} <= ${key}To", f"{label} until {{}}")
    else:
        read = partial(_score, field.highest)
        yield Filter(f"{key}Min", read, f"{column} >= ${key}Min", f"{label} from {{}}")
        yield Filter(f"{key}Max", read, f"{column} <= ${key}Max", f"{label} to {{}}")


#: All filters of the findings themselves, except ``search``.
FILTERS = (*_OWN, *(row for field, alias in LISTED.values() for row in _declared(field, alias)))


def where(arguments: Arguments) -> Where:
    """Return the combined condition of a query string.

    :raises RequestError: a parameter is unknown or out of range.
    """
    conditions, values, sentences = _read(FILTERS, arguments)
    of_imports, chosen, sentences_of_imports = _read(_OF_IMPORTS, arguments)
    change = parameters.text(arguments, "change")
    if change and change not in tuple(EventKind):
        raise RequestError(f"change must be one of {', '.join(EventKind)}.")
    if of_imports or change:
        conditions.append(_changed(" AND ".join(of_imports) or "TRUE"))
        values |= {**chosen, "change": change or None}
        sentences |= sentences_of_imports
    if change:
        sentences["change"] = f"Only what was {change}"
    for number, word in enumerate(_words(arguments)):
        conditions.append(_search(f"word{number}", _searched(arguments), _is_address(word)))
        values[f"word{number}"] = word
    if values.keys() & {"word0"}:
        sentences["search"] = f"“{parameters.text(arguments, 'search')}”"
    if texts := _searched(arguments):
        listed = " and ".join(f"the {text}" for text in texts)
        sentences["searchIn" if "searchIn" in arguments else "searchEvidence"] = f"The search includes {listed}"
    return Where(" AND ".join(f"({condition.strip()})" for condition in conditions) or "TRUE", values, sentences)


def _read(rows: Iterable[Filter], arguments: Arguments) -> tuple[list[str], dict[str, Any], dict[str, str]]:
    """Return the conditions, values and sentences of the filters that a query string uses."""
    conditions: list[str] = []
    values: dict[str, Any] = {}
    sentences: dict[str, str] = {}
    for row in rows:
        read = row.read(arguments, row.parameter)
        if read is not None:
            conditions.append(row.sql)
            values |= read
            sentences[row.parameter] = row.sentence.format(row.shown(arguments[row.parameter].strip()))
    return conditions, values, sentences


def _words(arguments: Arguments) -> list[str]:
    words = list(dict.fromkeys(parameters.text(arguments, "search").lower().split()))
    if len(words) > _MAX_WORDS:
        raise RequestError(f"search may have at most {_MAX_WORDS} words.")
    return words


def _searched(arguments: Arguments) -> list[str]:
    """Return the long texts that the search includes."""
    chosen: list[str] = parameters.chosen(arguments, "searchIn", {name: name for name in SEARCHED_TEXTS})
    return [*chosen, *(["evidence"] if arguments.get("searchEvidence") == "true" else [])]


def _is_address(word: str) -> bool:
    try:
        ip_address(word)
    except ValueError:
        return False
    return True


def _search(word: str, texts: list[str], is_address: bool) -> str:
    """Return the condition that the names of the host or the vulnerability, or one of these texts, contain a word.

    :param is_address: it is a whole address, so 10.0.0.2 does not find the host 10.0.0.20.
    """
    host = f"contains(' ' || search || ' ', ' ' || ${word} || ' ')" if is_address else f"contains(search, ${word})"
    described = "".join(f" OR contains(lower({text}), ${word})" for text in texts if text != "evidence")
    evidence = f" OR f.evidence_id IN (SELECT id FROM evidence WHERE contains(lower(text), ${word}))"
    return f"""
        f.host_id IN (SELECT host_id FROM host_order WHERE {host})
        OR f.definition_id IN (
            SELECT id FROM definition WHERE contains(search, ${word}) OR key = ${word}{described})
        {evidence if "evidence" in texts else ""}
    """


_JOINS = {
    "h": "JOIN host h ON h.id = f.host_id",
    "d": "JOIN definition d ON d.id = f.definition_id",
    "s": "JOIN source s ON s.id = f.source_id",
    "w": "JOIN sighting w ON w.id = f.sighting_id",
}


def findings(*parts: str) -> str:
    """Return the FROM clause: the findings ``f``, joined with the tables whose aliases these parts of the statement use."""
    sql = " ".join(parts)
    return " ".join(("finding f", *(join for alias, join in _JOINS.items() if re.search(rf"\b{alias}\.", sql))))


#: The maximum number of suggestions.
SUGGESTED = 12
_TABLES = {"d": "definition_row", "h": "host_row"}
#: Filter -> SQL for its possible values, as ``value``, and the text to search for each, as ``searched``.
SUGGESTED_FIELDS = {
    "host": f"SELECT {HOST_NAME} AS value, h.search AS searched FROM host h",
    "cve": "SELECT cve AS value, lower(cve) AS searched FROM definition_cve",
    **{
        key: f"SELECT {field.name} AS value, lower({field.name}) AS searched FROM {_TABLES[alias]}"
        for key, (field, alias) in LISTED.items()
        if field.kind is Kind.TEXT
    },
}


@question
def suggest(cursor: duckdb.DuckDBPyConnection, query: Mapping[str, Any]) -> dict[str, Any]:
    """Answer the values of a filter that contain a text; those that begin with it come first.

    :param query: the query string: ``field``, one of :data:`SUGGESTED_FIELDS`, and ``q``, the text, by default empty.
    :raises RequestError: the field is unknown, or the text is too long.
    """
    field, text = query.get("field", ""), parameters.text(query, "q").lower()
    if field not in SUGGESTED_FIELDS:
        raise RequestError(f"field must be one of {', '.join(SUGGESTED_FIELDS)}.")
    found = cursor.execute(
        f"""
        WITH candidates AS ({SUGGESTED_FIELDS[field]})
        SELECT value FROM candidates WHERE value <> '' AND contains(searched, $text)
        GROUP BY value ORDER BY starts_with(lower(value), $text) DESC, lower(value), value LIMIT {SUGGESTED}
        """,
        {"text": text},
    ).fetchall()
    return {"data": [value for (value,) in found]}
