"""Turn a recognised format into the SQL that maps its columns to the staging schema. Pure.

The columns of the file are called ``c0``, ``c1``, ... by position: no name from a file ever becomes part of a statement.
:meth:`Mapping.cells` cleans each needed cell once; all other expressions use its result.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping as Dictionary
from dataclasses import dataclass, field
from datetime import date

from hextrackr import escaping
from hextrackr.domain.fields import FINDING, HOST, NAME, VULNERABILITY, Field, Kind, names
from hextrackr.domain.verdicts import FIXED, NO_VERDICT, OPEN

from . import cell_sql
from .cell_sql import Scale
from .formats.format import FINDING_FIELDS, NO_NAME, NO_NAME_SENTENCE, VULNERABILITY_FIELDS, Detail, Recognised

BLANKS = r"E' \t\r\n'"
#: Characters around the names in a list, such as one that Python has written.
_AROUND_NAMES = r"E' \t\r\n\''"
EMPTY = "CAST(NULL AS VARCHAR)"
#: The ``fault`` of a row without a finding: neither imported nor rejected.
BLANK = -1

#: The fields of a host that follow from its identifiers, or from the days on which it was seen.
_OF_IDENTITY = ("name", "fqdn", "netbios", "ip", "last_seen")
KEY_FIELDS = ("plugin_id", "cves", "title")
#: The fields that are read with the texts of a definition, and those that are read with each row.
DEFINITION_FIELDS = tuple(name for name in VULNERABILITY_FIELDS if name not in cell_sql.HIGHEST_SCORES)
ROW_FIELDS = (*KEY_FIELDS, *cell_sql.HIGHEST_SCORES, *(name for name in FINDING_FIELDS if name != "evidence"))
ROW_DATES = ("first_seen", "last_seen", "fixed_on", *names(FINDING, Kind.DAY))
DEFINITION_DATES = names(VULNERABILITY, Kind.DAY)
DATE_FIELDS = (*ROW_DATES, *DEFINITION_DATES)

_ADDRESS = r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(?:%[\w.-]+)?"
#: The parts of a list of addresses, and of one of names.
_ADDRESSES, _NAMES = r"[^\[\]\"',;|\s]+", r"[^\[\]\",;|\r\n]+"
#: Full names separated only by blanks are a list as well; a sentence is not.
_SPACED_NAMES = r"[\w-]+\.[\w.-]+(?:\s+[\w-]+\.[\w.-]+)+"
#: SQL: a host without any identifier, of the expressions of :meth:`Mapping.asset`.
NAMELESS = "len(ids) + len(names) + len(addresses) = 0"
_BLANKS_BETWEEN = r"\s+"
#: An id or a number as a spreadsheet writes it in a column with empty cells: ``105971.0``.
_DECIMAL = r"[0-9]+\.0+"
#: A text that a spreadsheet would run as a formula, with the apostrophe that prevents it (see :mod:`hextrackr.escaping`).
_QUOTED_FORMULA = "^'([{}])".format("".join(f"\\x{{{ord(start):X}}}" for start in escaping.FORMULA_STARTS))
#: A number of several digits distinguishes a date from a word.
_DAY = "[1-9][0-9]"
#: A port with its protocol, such as ``443/tcp``; ``general/tcp`` means the host as a whole.
_PORT = r"^([0-9]{1,5}|general) ?/ ?([A-Za-z]{2,10})$"
#: The name of a protocol, such as ``tcp`` or ``TCP over SSL``; and a pattern that only dates, addresses and ids match.
_PROTOCOL, _NO_PROTOCOL = "[A-Za-z][A-Za-z0-9 ._/+-]{0,19}", "[0-9]{4}"
#: Nessus' plugin "Nessus Scan Information", and the start of the scan in its output.
_SCAN_INFORMATION = "'19506', '19506.0'"
_SCAN_START = r"(?i)\bscan start date *: *([0-9]{4}[/-][0-9]{1,2}[/-][0-9]{1,2})\b"


def quoted(text: str) -> str:
    """SQL: a string literal."""
    return "'" + text.replace("'", "''") + "'"


@dataclass(frozen=True)
class Fault:
    """A reason to reject rows.

    :ivar field: the field with the error; ``reason`` is the sentence for the user.
    :ivar condition: SQL that finds the rows, over the mapped columns; ``value`` is the value to show.
    """

    field: str
    reason: str
    condition: str
    value: str


FAULTS = (
    Fault("asset_id", "The row names no host.", NAMELESS, "''"),
    Fault("plugin_id", "The row names no plugin.", "definition_key IS NULL", "''"),
    Fault("severity", "This scanner does not use this severity.", "severity IS NULL", "severity_text"),
    Fault("port", "The port is not a number from 0 to 65535.", "port IS NULL", "port_text"),
    Fault("protocol", "This is not the name of a protocol.", "protocol IS NULL", "protocol_text"),
    Fault("state", "The mapping has no meaning for this state.", "state IS NULL", "state_text"),
)


@dataclass(frozen=True)
class Readings:
    """How the cells of a file are to be read, as far as it depends on the whole file.

    :ivar day_first: whether ``03/04/2026`` is in April.
    :ivar today: the day of the import; later dates are not believable.
    :ivar usual_dates: all dates seen so far have one of the usual formats.
    :ivar scales: the corrections of columns, by index, whose scores are outside their scale.
    :ivar limited: leave out scores that are still outside their scale.
    """

    day_first: bool = False
    today: date = date.max
    usual_dates: bool = False
    scales: Dictionary[int, Scale] = field(default_factory=dict)
    limited: bool = False


class Mapping:
    """The expressions for one file."""

    def __init__(self, recognised: Recognised, readings: Readings) -> None:
        self._recognised = recognised
        self._format = recognised.format
        self._places = recognised.places
        self._details = recognised.details
        self.readings = readings

    def places(self, fields: Iterable[str]) -> list[int]:
        """The columns of the fields, each once."""
        return sorted({place for field in fields for place in self._places[field]})

    @property
    def details(self) -> tuple[Detail, ...]:
        """The columns of the file that are stored as details."""
        return self._details

    @property
    def has_markup(self) -> bool:
        """Whether texts hold simple HTML."""
        return self._format.markup

    def cells(self, fields: Iterable[str]) -> str:
        """Select list: the columns of the fields, trimmed, and NULL for values without meaning."""
        return self.cells_at(self.places(fields))

    def cells_at(self, places: Iterable[int]) -> str:
        """Select list: these columns, likewise."""
        return ", ".join(f"{self.cell(place)} AS c{place}" for place in places) or "1"

    def cell(self, place: int) -> str:
        """One column, trimmed, and NULL for values without meaning."""
        cell, nothing = f"c{place}", ", ".join(map(quoted, ("", *self._format.nulls)))
        # Trimming a set of characters is slow, and few cells need it, so check first. A text that begins with a blank sorts before "!".
        trimmed = f"trim({cell}, {BLANKS})"
        text = (
            f"CASE WHEN {cell} IN ({nothing}) THEN NULL WHEN {cell} < '!' OR {cell}[-1] <= ' ' "
            f"THEN CASE WHEN {trimmed} NOT IN ({nothing}) THEN {trimmed} END ELSE {cell} END"
        )
        return rf"regexp_replace({text}, {quoted(_QUOTED_FORMULA)}, '\1')" if self._format.quoted_formulas else text

    def code(self, fields: Iterable[str]) -> str:
        """A hash of the raw texts of the fields."""
        return f"hash({', '.join(f'c{place}' for place in self.places(fields)) or 'NULL'})"

    def asset(self) -> dict[str, str]:
        """The fields of a row's host: column name to expression, over :meth:`cells`."""
        return {
            "ids": self._ids(),
            "names": self._names(),
            "addresses": self._addresses(),
            "realm": f"lower(coalesce({self.text('realm', NAME)}, ''))",
            "name": f"coalesce({self.text('name', NAME)}, {self.text('host', NAME)})",
            "fqdn": self._first_name("fqdn"),
            "netbios": self.text("netbios", NAME),
            **{field.name: self._value(field) for field in HOST if field.name not in _OF_IDENTITY},
        }

    def finding(self) -> dict[str, str]:
        """What a row says of its finding: column name to expression, over :meth:`cells`."""
        return {
            "definition_key": self.definition_key(),
            "severity": self._word("severity", self._format.severities, "NULL"),
            "severity_text": self.text("severity"),
            "state": self._state(),
            "state_text": self.text("state"),
            "port": self._port(),
            "port_text": self.text("port"),
            "protocol": self._protocol(),
            "protocol_text": self.text("protocol"),
            **{score: self._score(score) for score in cell_sql.HIGHEST_SCORES},
            **{field.name: self._value(field) for field in FINDING if field.kind is Kind.TEXT},
            **self._dated(ROW_DATES),
        }

    def blank(self) -> str:
        """Condition, over :meth:`finding`: the row has no finding, whatever else it has."""
        return "definition_key IS NULL AND severity_text IS NULL" if self._format.bare_rows else "FALSE"

    def definition(self) -> dict[str, str]:
        """The fields of a row's definition, at full length: column name to expression, over :meth:`cells`."""
        vector = self.text("cvss_vector", NAME)
        texts = {field.name: self._plain(field) for field in VULNERABILITY if field.kind is Kind.TEXT}
        return {
            "titled": f"{self.text('plugin_id')} IS NULL",
            **texts,
            "title": f"coalesce({texts['title']}, key)",
            # Some columns have it in brackets after the score, and some of these have only the score.
            "cvss_vector": rf"nullif(regexp_extract({vector}, '[^()\s]*:[^()\s]*'), '')",
            **self._dated(DEFINITION_DATES),
        }

    def named(self) -> dict[str, str]:
        """The texts with the ids of a definition: column name to expression, over the columns of the file.

        All ids in the columns for ids count; CVEs in the title count if the row has none there; advisories in the title and the references
        count if the definition has no other id.
        """
        ids, title = self._texts("cves", "plugin_id"), self._texts("title")
        return {
            "id_text": ids,
            "title_text": f"CASE WHEN NOT regexp_matches({ids}, {quoted(cell_sql.CVE)}) THEN {title} END",
            "advisory_text": self._texts("title", "advisories"),
        }

    def _texts(self, *fields: str) -> str:
        return f"concat_ws(' ', {', '.join(f'c{place}' for place in self.places(fields)) or EMPTY})"

    def text(self, field: str, limit: int = 0) -> str:
        """The first non-empty column of the field, cut to ``limit`` characters unless that is 0."""
        cells = [f"c{place}" for place in self._places[field]]
        found = f"coalesce({', '.join(cells)})" if len(cells) > 1 else "".join(cells) or EMPTY
        return f"left({found}, {limit})" if limit else found

    def definition_key(self) -> str:
        """The identity of the definition: the scanner's id, else its title, else the least of its CVEs, whatever their order."""
        found = f"regexp_extract_all(upper({self._texts('cves')}), {quoted(cell_sql.ANY_ID_UPPER)})"
        first = f"left(list_min({found}), {NAME})" if self._places["cves"] else EMPTY
        return f"coalesce({self._whole(self.text('plugin_id', NAME))}, {self.text('title', NAME)}, {first})"

    def _whole(self, text: str) -> str:
        """A whole number without the decimal point that a spreadsheet has added, such as ``1.0``; any other text unchanged."""
        is_decimal = f"ends_with({text}, '.0') AND regexp_full_match({text}, '{_DECIMAL}')"
        return f"CASE WHEN {is_decimal} THEN split_part({text}, '.', 1) ELSE {text} END"

    def _ids(self) -> str:
        """The scanner's own ids of the host, the most important one first."""
        ids = [f"lower({self._whole(f'left(c{place}, {NAME})')})" for place in self._places["asset_id"]]
        return f"[id for id in [{', '.join(ids) or EMPTY}] if id IS NOT NULL AND id NOT IN ({_list(NO_NAME)})]"

    def _names(self) -> str:
        """The host's names as a sorted list, in the form in which names are compared."""
        lists = [
            # In DOMAIN\\HOST only the host counts.
            rf"[regexp_replace(each, '^[^\\]*\\', '') for each in regexp_extract_all({_unspaced(place)}, {quoted(_NAMES)})]"
            for field in ("fqdn", "netbios", "host")
            for place in self._places[field]
        ]
        # The name of an asset is free text: it is a list only if it is written in brackets.
        lists += [
            f"CASE WHEN c{place}[1] = '[' THEN regexp_extract_all(c{place}, {quoted(_NAMES)}) ELSE [c{place}] END"
            for place in self._places["name"]
        ]
        if self._places["ip"]:
            cell = self.text("ip")
            lists.append(f"CASE WHEN len({_addresses_in(cell)}) = 0 THEN [{cell}] END")
        compared = f"left(rtrim(lower(trim(each, {_AROUND_NAMES})), '.'), {NAME})"
        no_name = quoted(f"{_ADDRESS}|{NO_NAME_SENTENCE}")
        unusable = f"name IS NULL OR name IN ({_list(NO_NAME)}) OR regexp_full_match(name, {no_name})"
        every = f"coalesce(list_concat({', '.join((*lists, '[]'))}), [])"
        return f"list_sort(list_distinct([name for name in [{compared} for each in {every}] if NOT ({unusable})]))"

    def _addresses(self) -> str:
        """The host's addresses as a list, IPv4 in its canonical form: those of the first column that has one."""
        cells = [self.text("ip")] if self._places["ip"] else []
        cells += [f"c{place}" for place in self._places["host"]]
        lists = [f"nullif({_addresses_in(cell)}, [])" for cell in cells]
        return f"coalesce({', '.join((*lists, 'CAST([] AS VARCHAR[])'))})"

    def _first_name(self, field: str) -> str:
        """The first of the names in this field, as it is shown."""
        if not self._places[field]:
            return EMPTY
        first = f"lower(trim(regexp_extract({self.text(field)}, {quoted(_NAMES)}), {_AROUND_NAMES}))"
        is_none = f"{first} IN ({_list(NO_NAME)}) OR regexp_full_match({first}, {quoted(NO_NAME_SENTENCE)})"
        return f"CASE WHEN NOT ({is_none}) THEN left({first}, {NAME}) END"

    def _value(self, field: Field) -> str:
        """The value of a field without a rule of its own, cut to its limit."""
        if field.kind is Kind.SCORE:
            return cell_sql.score(
                field.highest, {f"c{place}": None for place in self._places[field.name]}, limited=True
            )
        return cell_sql.bounded(self._plain(field), field.limit, cell_sql.mark_of(field.limit))

    def _plain(self, field: Field) -> str:
        """A text without markup, at full length."""
        text = self.text(field.name)
        return cell_sql.plain(text) if field.markup and self._format.markup else text

    def _score(self, field: str) -> str:
        cells = {f"c{place}": self.readings.scales.get(place) for place in self._places[field]}
        return cell_sql.score(cell_sql.HIGHEST_SCORES[field], cells, limited=self.readings.limited)

    def scan_start(self) -> str:
        """The day in a row on which the scan began, as text, or NULL; over the columns of the file."""
        place = self._recognised.scan_facts
        plugin = self._places["plugin_id"]
        if place is None or not plugin:
            return EMPTY
        start = f"nullif(regexp_extract(c{place}, {quoted(_SCAN_START)}, 1), '')"
        return f"CASE WHEN c{plugin[0]} IN ({_SCAN_INFORMATION}) THEN {start} END"

    def _dated(self, fields: Iterable[str]) -> dict[str, str]:
        """The day in each of these fields, believable or not, and its text."""
        return {f"{field}_text": self.text(field) for field in fields} | {field: self._day(field) for field in fields}

    def _day(self, field: str) -> str:
        return cell_sql.day(self.text(field), day_first=self.readings.day_first, usual=self.readings.usual_dates)

    def _state(self) -> str:
        text = self.text("state")
        if not self._places["state"]:
            return str(OPEN)
        other = "NULL" if self._format.other_state is None else str(self._format.other_state)
        if self._format.fixed_days:
            word = f"CASE WHEN regexp_matches({text}, '{_DAY}') THEN {FIXED} ELSE {other} END"
        else:
            words = {**dict.fromkeys(self._format.no_verdict, NO_VERDICT), **self._format.states}
            word = self._word("state", words, other)
        nothing = f"{text} IS NULL"
        if set(self._places["state"]) & set(self._places["fixed_on"]):
            nothing += f" OR {cell_sql.means_no_day(text, self._day('fixed_on'))}"
        return f"CASE WHEN {nothing} THEN {OPEN} ELSE {word} END"

    def _word(self, field: str, meanings: Dictionary[str, int], default: str) -> str:
        if not meanings:
            return default
        word = self.word(field)
        if "" in meanings:
            word = f"coalesce({word}, '')"
        # A CASE would have a copy of the expression of the word for each meaning: ten times as slow.
        pairs = ", ".join(f"{quoted(each)}: {number}" for each, number in meanings.items())
        return f"coalesce(MAP {{{pairs}}}[{word}], {default})"

    def word(self, field: str) -> str:
        """The text of a field as it is compared with words that have a meaning; NULL where it says nothing."""
        return f"lower({self._whole(self.text(field))})"

    def _port(self) -> str:
        text = f"coalesce({self.text('port')}, '0')"
        before_slash = f"replace(regexp_extract({text}, {quoted(_PORT)}, 1), 'general', '0')"
        number = f"coalesce(try_cast({text} AS INTEGER), try_cast({before_slash} AS INTEGER))"
        return f"CASE WHEN {number} BETWEEN 0 AND 65535 THEN {number} END"

    def _protocol(self) -> str:
        beside_port = f"nullif(regexp_extract({self.text('port')}, {quoted(_PORT)}, 2), '')"
        text = f"lower(coalesce({self.text('protocol')}, {beside_port}, ''))"
        is_name = f"regexp_full_match({text}, '{_PROTOCOL}') AND NOT regexp_matches({text}, '{_NO_PROTOCOL}')"
        return f"CASE WHEN {text} IN ('tcp', 'udp', '') THEN {text} WHEN {is_name} THEN left({text}, 10) END"


def _list(words: Iterable[str]) -> str:
    return ", ".join(map(quoted, words))


def _unspaced(place: int) -> str:
    """A cell of names, with commas between names that are separated only by blanks."""
    return (
        f"CASE WHEN contains(c{place}, '.') AND regexp_full_match(c{place}, {quoted(_SPACED_NAMES)}) "
        f"THEN regexp_replace(c{place}, {quoted(_BLANKS_BETWEEN)}, ',', 'g') ELSE c{place} END"
    )


def _addresses_in(cell: str) -> str:
    """The addresses in a cell, without leading zeros, and without a prefix length of 32 or 128."""
    found = f"[regexp_replace(each, '/(32|128)$', '') for each in regexp_extract_all({cell}, {quoted(_ADDRESSES)})]"
    listed = f"[each for each in {found} if regexp_full_match(each, {quoted(_ADDRESS)})]"
    return rf"[regexp_replace(each, '(^|\.)0+([0-9])', '\1\2', 'g') for each in {listed}]"
