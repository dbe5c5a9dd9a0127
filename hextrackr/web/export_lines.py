"""The lines of an exported file of findings, CSV or JSON.

What is said of a host, a definition or a source is written once and kept as text: a line is then little more than these put together,
which is several times faster than a writer that looks at every cell of it.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any, Protocol

from hextrackr.domain.models import Severity

from .serializers import harmless

HOST = ("host", "fqdn", "ip")
DEFINITION = ("pluginId", "title", "family", "cves")
PROTOCOL, EPSS = ("protocol",), ("epss",)
SOURCE = ("scanner", "source")
#: What is in a file only if it is asked for.
EVIDENCE = ("evidence",)
COLUMNS = (
    "id", "severity", "state", *HOST, *DEFINITION, "port", *PROTOCOL, "vpr", "cvss", *EPSS, "firstSeen", "lastSeen", "resolvedOn",
    *SOURCE,
)  # fmt: skip

SEVERITIES = [severity.name.lower() for severity in sorted(Severity)]
#: A finding: id, severity, lifecycle, port, VPR, CVSS, first seen, resolved on; days as text.
Finding = Sequence[Any]
#: What :meth:`Lines.part` gave for its host, definition, protocol, EPSS and source; and the day on which it was seen last.
Parts = tuple[str, str, str, str, str, str]


class Lines(Protocol):
    """A kind of file."""

    opening: str
    before_first: str
    separator: str
    closing: str

    def part(self, names: Sequence[str], values: Sequence[Any]) -> str:
        """Values that belong together, as they stand in a line."""

    def line(self, finding: Finding, parts: Parts) -> str:
        """The line of a finding."""

    def headed(self, names: Sequence[str]) -> str:
        """The opening of a file whose lines have more."""

    def longer(self, line: str, part: str) -> str:
        """A line with one more part."""


class CsvLines:
    """RFC 4180; text that a spreadsheet would take for a formula is quoted."""

    opening = ",".join(COLUMNS)
    before_first = separator = "\r\n"
    closing = "\r\n"

    def part(self, names: Sequence[str], values: Sequence[Any]) -> str:
        """Several cells; CVEs are parted by blanks."""
        stream = io.StringIO(newline="")
        texts = (" ".join(value) if isinstance(value, list) else value for value in values)
        csv.writer(stream).writerow([*map(harmless, texts), ""])  # a lone empty cell would be quoted
        return stream.getvalue().removesuffix(",\r\n")

    def line(self, finding: Finding, parts: Parts) -> str:
        """Scores and days need no quotes."""
        number, severity, state, port, vpr, cvss, first, resolved = finding
        host, definition, protocol, epss, source, last = parts
        return (
            f"{number},{SEVERITIES[severity]},{state},{host},{definition},{port},{protocol},{'' if vpr is None else vpr},"
            f"{'' if cvss is None else cvss},{epss},{first},{last},{resolved or ''},{source}"
        )

    def headed(self, names: Sequence[str]) -> str:
        """They are named in the header."""
        return ",".join((self.opening, *names))

    def longer(self, line: str, part: str) -> str:
        """At its end."""
        return f"{line},{part}"


class JsonLines:
    """One array of objects, one in each line; CVEs are an array, and nothing needs to be quoted."""

    opening = "["
    before_first = ""
    separator = ",\n"
    closing = "]\n"

    def part(self, names: Sequence[str], values: Sequence[Any]) -> str:
        """Several members."""
        return json.dumps(dict(zip(names, values, strict=True)), ensure_ascii=False)[1:-1]

    def line(self, finding: Finding, parts: Parts) -> str:
        """Scores and days need no quotes."""
        number, severity, state, port, vpr, cvss, first, resolved = finding
        host, definition, protocol, epss, source, last = parts
        return (
            f'{{"id": {number}, "severity": "{SEVERITIES[severity]}", "state": "{state}", {host}, {definition}, "port": {port}, '
            f'{protocol}, "vpr": {_number(vpr)}, "cvss": {_number(cvss)}, {epss}, "firstSeen": "{first}", "lastSeen": "{last}", '
            f'"resolvedOn": {_day(resolved)}, {source}}}'
        )

    def headed(self, names: Sequence[str]) -> str:
        """There is no header."""
        return self.opening

    def longer(self, line: str, part: str) -> str:
        """Within its object."""
        return f"{line[:-1]}, {part}}}"


def _number(value: float | None) -> str:
    return "null" if value is None else str(value)


def _day(value: Any) -> str:
    return "null" if value is None else f'"{value}"'


KINDS: dict[str, type[CsvLines] | type[JsonLines]] = {"csv": CsvLines, "json": JsonLines}
