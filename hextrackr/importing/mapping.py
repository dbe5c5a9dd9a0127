"""Turns a recognised format into the SQL that maps its columns to the neutral record. Pure.

The columns of the file are called ``c0``, ``c1``, ... by position: no name from a file ever becomes part of a statement.
:meth:`Mapping.cells` cleans each needed cell once; every other expression is built on its result.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping as Dictionary
from dataclasses import dataclass, field

from . import bounds, dates, identifiers, markup, scores
from .formats.format import OPEN, Detail, Recognised
from .scores import Scale

#: Longest text of a key or name, in characters; a longer one is cut, which keeps it equal to itself.
KEY_LENGTH = 255
BLANKS = r"E' \t\r\n'"
EMPTY = "CAST(NULL AS VARCHAR)"
#: The ``fault`` of a row that holds no finding: neither taken over nor rejected.
BLANK = -1

ASSET_FIELDS = ("asset_id", "fqdn", "netbios", "ip", "host", "name", "os")
DEFINITION_FIELDS = (
    "plugin_id", "title", "cves", "advisories", "family", "description", "solution", "see_also", "cvss_vector", "published", "updated",
)  # fmt: skip
KEY_FIELDS = ("plugin_id", "cves", "title")
FINDING_FIELDS = ("severity", "state", "port", "protocol", "vpr", "cvss", "epss", "first_seen", "last_seen")
ROW_FIELDS = (*KEY_FIELDS, *FINDING_FIELDS)
DATE_FIELDS = ("first_seen", "last_seen", "published", "updated")

_ADDRESS = r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*"
#: A port with its protocol, such as ``443/tcp``; ``general/tcp`` is a host as a whole.
_PORT = r"^([0-9]{1,5}|general) ?/ ?([A-Za-z]{2,10})$"


def quoted(text: str) -> str:
    """A string literal."""
    return "'" + text.replace("'", "''") + "'"


@dataclass(frozen=True)
class Fault:
    """Why a row cannot be taken over.

    :ivar field: where the cause stands; ``reason`` says it in a sentence.
    :ivar condition: finds the rows, an expression over the neutral record; ``value`` is what to show of them.
    """

    field: str
    reason: str
    condition: str
    value: str


FAULTS = (
    Fault("asset_id", "The row names no host.", "asset_key IS NULL", "''"),
    Fault("plugin_id", "The row names no plugin.", "definition_key IS NULL", "''"),
    Fault("severity", "The severity is none that this scanner uses.", "severity IS NULL", "severity_text"),
    Fault("port", "The port is no number from 0 to 65535.", "port IS NULL", "port_text"),
)


@dataclass(frozen=True)
class Readings:
    """What the file as a whole says of how its cells are to be read.

    :ivar day_first: whether ``03/04/2026`` is in April.
    :ivar usual_dates: every date is written as most programs write it, as far as is known.
    :ivar scales: for the columns, by index, whose scores have left their scale: how to bring them back.
    :ivar limited: leave out the scores that are still off their scale.
    """

    day_first: bool = False
    usual_dates: bool = False
    scales: Dictionary[int, Scale] = field(default_factory=dict)
    limited: bool = False


class Mapping:
    """The expressions for one file."""

    def __init__(self, recognised: Recognised, readings: Readings) -> None:
        self._format = recognised.format
        self._places = recognised.places
        self._details = recognised.details
        self.readings = readings

    def places(self, fields: Iterable[str]) -> list[int]:
        """The columns in which the fields may stand, each once."""
        return sorted({place for field in fields for place in self._places[field]})

    @property
    def details(self) -> tuple[Detail, ...]:
        """What the file says beside its fields."""
        return self._details

    @property
    def has_markup(self) -> bool:
        """Whether texts hold simple HTML."""
        return self._format.markup

    def cells(self, fields: Iterable[str]) -> str:
        """Select list: the columns of the fields, trimmed, and NULL where they say nothing."""
        return self.cells_at(self.places(fields))

    def cells_at(self, places: Iterable[int]) -> str:
        """Select list: these columns, likewise."""
        return ", ".join(f"{self.cell(place)} AS c{place}" for place in places) or "1"

    def cell(self, place: int) -> str:
        """One column, trimmed, and NULL where it says nothing."""
        cell, nothing = f"c{place}", ", ".join(map(quoted, ("", *self._format.nulls)))
        # To trim a set of characters is dear, and few cells begin or end with one: look first. What begins with a blank sorts before "!".
        trimmed = f"trim({cell}, {BLANKS})"
        return (
            f"CASE WHEN {cell} IN ({nothing}) THEN NULL WHEN {cell} < '!' OR {cell}[-1] <= ' ' "
            f"THEN CASE WHEN {trimmed} NOT IN ({nothing}) THEN {trimmed} END ELSE {cell} END"
        )

    def code(self, fields: Iterable[str]) -> str:
        """A number that stands for the texts of the fields, as they are in the file."""
        return f"hash({', '.join(f'c{place}' for place in self.places(fields)) or 'NULL'})"

    def asset(self) -> dict[str, str]:
        """What a row says of its host: column name to expression, over :meth:`cells`."""
        return {
            "asset_key": self._asset_key(),
            "name": self._name(),
            "fqdn": f"lower({self._first('fqdn')})",
            "netbios": self.text("netbios", KEY_LENGTH),
            "ip": self._ip(),
            "os": bounds.bounded(self.text("os"), bounds.NAME, bounds.SHORT_MARK),
        }

    def finding(self) -> dict[str, str]:
        """What a row says of its finding: column name to expression, over :meth:`cells`."""
        return {
            "definition_key": self.definition_key(),
            "severity": self._word("severity", self._format.severities, "NULL"),
            "severity_text": self.text("severity"),
            "state": self._state(),
            "port": self._port(),
            "port_text": self.text("port"),
            "protocol": self._protocol(),
            **{score: self._score(score) for score in scores.HIGHEST},
            **self._dated("first_seen", "last_seen"),
        }

    def blank(self) -> str:
        """Condition, over :meth:`finding`: the row holds no finding, whatever else stands in it."""
        return "definition_key IS NULL AND severity_text IS NULL" if self._format.bare_rows else "FALSE"

    def definition(self) -> dict[str, str]:
        """What the rows of one definition say of it, at any length: column name to expression, over :meth:`cells`."""
        vector = self.text("cvss_vector", KEY_LENGTH)
        return {
            "title": f"coalesce({self._plain('title')}, key)",
            "family": self.text("family"),
            "description": self._plain("description"),
            "solution": self._plain("solution"),
            "see_also": self._plain("see_also"),
            # Some stand in brackets behind their score, and some such columns hold the score alone.
            "cvss_vector": rf"nullif(regexp_extract({vector}, '[^()\s]*:[^()\s]*'), '')",
            **self._dated("published", "updated"),
            "advisory_text": f"concat_ws(' ', {', '.join(f'c{place}' for place in self._places['advisories']) or EMPTY})",
        }

    def text(self, field: str, limit: int = 0) -> str:
        """The first of the field's columns that is not empty; cut to ``limit`` characters unless that is 0."""
        cells = [f"c{place}" for place in self._places[field]]
        found = f"coalesce({', '.join(cells)})" if len(cells) > 1 else "".join(cells) or EMPTY
        return f"left({found}, {limit})" if limit else found

    def definition_key(self) -> str:
        """Identity of the definition: the scanner's number, else its first CVE, else its title."""
        cve = f"nullif(upper(regexp_extract({self.cve_text()}, {quoted(identifiers.ANY)})), '')"
        return f"coalesce({self.text('plugin_id', KEY_LENGTH)}, {cve}, {self.text('title', KEY_LENGTH)})"

    def cve_text(self) -> str:
        """The text in which CVE ids stand: of the field's columns the first that the file has, be its cell empty or not."""
        places = self._places["cves"]
        return f"c{places[0]}" if places else EMPTY

    def _asset_key(self) -> str:
        """Identity of the host: the scanner's own id, else FQDN, else NetBIOS name, else IP, else its name."""
        ids = (self.text("asset_id", KEY_LENGTH), self._first("fqdn"), self.text("netbios", KEY_LENGTH))
        return f"lower(coalesce({', '.join((*ids, self._ip(), self._name()))}))"

    def _name(self) -> str:
        return f"coalesce({self.text('name', KEY_LENGTH)}, {self.text('host', KEY_LENGTH)})"

    def _ip(self) -> str:
        if not self._places["host"]:
            return self._first("ip", 45)
        host = self.text("host", 45)
        address = f"CASE WHEN regexp_full_match({host}, {quoted(_ADDRESS)}) THEN {host} END"
        return f"coalesce({self._first('ip', 45)}, {address})"

    def _first(self, field: str, limit: int = KEY_LENGTH) -> str:
        """The field's text, or of a list, such as ``10.0.0.1, 10.0.0.2`` or ``["a", "b"]``, what comes first."""
        text = self.text(field)
        if not self._places[field]:
            return text
        listed = rf"nullif(regexp_extract({text}, '[^\[\]\",;\s]+'), '')"
        return f"left(CASE WHEN contains({text}, ',') OR contains({text}, ';') OR {text}[1] = '[' THEN {listed} ELSE {text} END, {limit})"

    def _plain(self, field: str) -> str:
        return markup.plain(self.text(field)) if self._format.markup else self.text(field)

    def _score(self, field: str) -> str:
        cells = {f"c{place}": self.readings.scales.get(place) for place in self._places[field]}
        return scores.score(field, cells, limited=self.readings.limited)

    def _dated(self, *fields: str) -> dict[str, str]:
        """The day that each of these fields names, and the text that does."""
        return {f"{field}_text": self.text(field) for field in fields} | {field: self._day(field) for field in fields}

    def _day(self, field: str) -> str:
        return dates.day(self.text(field), day_first=self.readings.day_first, usual=self.readings.usual_dates)

    def _state(self) -> str:
        text = self.text("state")
        word = self._word("state", self._format.states, str(self._format.other_state))
        return f"CASE WHEN {text} IS NULL THEN {OPEN} ELSE {word} END" if self._places["state"] else str(OPEN)

    def _word(self, field: str, meanings: Dictionary[str, int], default: str) -> str:
        branches = " ".join(f"WHEN {quoted(word)} THEN {number}" for word, number in meanings.items())
        return f"CASE lower({self.text(field)}) {branches} ELSE {default} END" if branches else default

    def _port(self) -> str:
        text = f"coalesce({self.text('port')}, '0')"
        before_slash = f"replace(regexp_extract({text}, {quoted(_PORT)}, 1), 'general', '0')"
        number = f"coalesce(try_cast({text} AS INTEGER), try_cast({before_slash} AS INTEGER))"
        return f"CASE WHEN {number} BETWEEN 0 AND 65535 THEN {number} END"

    def _protocol(self) -> str:
        beside_port = f"nullif(regexp_extract({self.text('port')}, {quoted(_PORT)}, 2), '')"
        return f"coalesce(lower(coalesce({self.text('protocol', 10)}, {beside_port})), '')"
