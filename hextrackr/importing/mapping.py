"""Turns a recognised format into the SQL that maps its columns to the neutral record. Pure.

The columns of the file are called ``c0``, ``c1``, ... by position: no name from a file ever becomes part of a statement.
:meth:`Mapping.cells` cleans each needed cell once; every other expression is built on its result.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping as Dictionary
from dataclasses import dataclass

from .formats.format import OPEN, Recognised

CVE_PATTERN = r"(?:CVE|cve|Cve)-[0-9]{4}-[0-9]{2,}|cisco-sa-[0-9A-Za-z-]*[0-9A-Za-z]"
#: Longest text of a key or name, in characters; a longer one is cut, which keeps it equal to itself.
KEY_LENGTH = 255
BLANKS = r"E' \t\r\n'"
EMPTY = "CAST(NULL AS VARCHAR)"

ASSET_FIELDS = ("asset_id", "fqdn", "netbios", "ip", "name", "os")
DEFINITION_FIELDS = (
    "plugin_id", "title", "cves", "family", "description", "solution", "see_also", "cvss_vector", "published", "updated",
)  # fmt: skip
FINDING_FIELDS = ("severity", "state", "port", "protocol", "vpr", "cvss", "epss", "first_seen", "last_seen")


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


class Mapping:
    """The expressions for one file."""

    def __init__(self, recognised: Recognised) -> None:
        self._format = recognised.format
        self._places = recognised.places

    def places(self, fields: Iterable[str]) -> list[int]:
        """The columns in which the fields may stand, each once."""
        return sorted({place for field in fields for place in self._places[field]})

    def cells(self, fields: Iterable[str]) -> str:
        """Select list: the columns of the fields, trimmed, and NULL where they say nothing."""
        return ", ".join(f"{self._clean(f'c{place}')} AS c{place}" for place in self.places(fields)) or "1"

    def record(self) -> dict[str, str]:
        """What a row says of its host and finding: column name to expression, over :meth:`cells`."""
        return {
            "asset_key": self._asset_key(),
            "name": self.text("name", KEY_LENGTH),
            "fqdn": f"lower({self.text('fqdn', KEY_LENGTH)})",
            "netbios": self.text("netbios", KEY_LENGTH),
            "ip": self.text("ip", 45),
            "os": self.text("os", KEY_LENGTH),
            "definition_key": self.definition_key(),
            "severity": self._word("severity", self._format.severities, "NULL"),
            "severity_text": self.text("severity"),
            "state": self._word("state", self._format.states, str(OPEN)),
            "port": self._port(),
            "port_text": self.text("port"),
            "protocol": f"coalesce(lower({self.text('protocol', 10)}), '')",
            "vpr": self._number("vpr", 0, 10),
            "cvss": self._number("cvss", 0, 10),
            "epss": self._number("epss", 0, 1),
            "first_seen": self._day("first_seen"),
            "last_seen": self._day("last_seen"),
        }

    def definition(self) -> dict[str, str]:
        """What the rows of one definition say of it: column name to expression, over :meth:`cells`."""
        return {
            "title": f"coalesce({self.text('title')}, key)",
            "family": self.text("family", KEY_LENGTH),
            "description": self.text("description"),
            "solution": self.text("solution"),
            "see_also": self.text("see_also"),
            "cvss_vector": self.text("cvss_vector", KEY_LENGTH),
            "published": self._day("published"),
            "updated": self._day("updated"),
        }

    def text(self, field: str, limit: int = 0) -> str:
        """The first of the field's columns that is not empty; cut to ``limit`` characters unless that is 0."""
        cells = [f"c{place}" for place in self._places[field]]
        found = f"coalesce({', '.join(cells)})" if cells else EMPTY
        return f"left({found}, {limit})" if limit else found

    def definition_key(self) -> str:
        """Identity of the definition: the scanner's number, else its first CVE, else its title."""
        cve = f"nullif(upper(regexp_extract({self.cve_text()}, {quoted(CVE_PATTERN)})), '')"
        return f"coalesce({self.text('plugin_id', KEY_LENGTH)}, {cve}, {self.text('title', KEY_LENGTH)})"

    def cve_text(self) -> str:
        """The text in which CVE ids stand: of the field's columns the first that the file has, be its cell empty or not."""
        places = self._places["cves"]
        return f"c{places[0]}" if places else EMPTY

    def _clean(self, cell: str) -> str:
        # To trim a set of characters is dear, and few cells begin or end with one: look first.
        trimmed = f"CASE WHEN {cell}[1] <= ' ' OR {cell}[-1] <= ' ' THEN trim({cell}, {BLANKS}) ELSE {cell} END"
        cleaned = f"nullif({trimmed}, '')"
        for null in self._format.nulls:
            cleaned = f"nullif({cleaned}, {quoted(null)})"
        return cleaned

    def _asset_key(self) -> str:
        """Identity of the host: the scanner's own id, else FQDN, else NetBIOS name, else IP, else its name."""
        parts = (self.text(field, KEY_LENGTH) for field in ("asset_id", "fqdn", "netbios", "ip", "name"))
        return f"lower(coalesce({', '.join(parts)}))"

    def _number(self, field: str, low: float, high: float) -> str:
        value = f"try_cast({self.text(field)} AS DOUBLE)"
        return f"CASE WHEN {value} BETWEEN {low} AND {high} THEN {value} END"

    def _day(self, field: str) -> str:
        shapes = ", ".join(quoted(shape) for shape in self._format.dates)
        return f"CAST(try_strptime({self.text(field)}, [{shapes}]) AS DATE)"

    def _word(self, field: str, meanings: Dictionary[str, int], default: str) -> str:
        branches = " ".join(f"WHEN {quoted(word)} THEN {number}" for word, number in meanings.items())
        return f"CASE lower({self.text(field)}) {branches} ELSE {default} END" if branches else default

    def _port(self) -> str:
        number = f"try_cast(coalesce({self.text('port')}, '0') AS INTEGER)"
        return f"CASE WHEN {number} BETWEEN 0 AND 65535 THEN {number} END"
