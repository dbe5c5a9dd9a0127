"""What a format says of a scanner's export: which column holds what, in which words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

#: Severity words in any scanner's export, lower case, on our scale of 0 (info) to 4 (critical).
SEVERITY_WORDS: Mapping[str, int] = MappingProxyType(
    {
        **dict.fromkeys(("none", "info", "informational", "information", "log", "negligible", "other", "i"), 0),
        **dict.fromkeys(("low", "l"), 1),
        **dict.fromkeys(("medium", "moderate", "m"), 2),
        **dict.fromkeys(("high", "important", "severe", "h"), 3),
        **dict.fromkeys(("critical", "urgent", "c"), 4),
    }
)

#: Tenable's numbers for the severity, as they stand for its words.
TENABLE_SEVERITIES: Mapping[str, int] = MappingProxyType(
    {**SEVERITY_WORDS, **{str(number): number for number in range(5)}}
)

#: What a scanner says of a finding's state, as staged; where the rows of one finding differ, the greatest counts. ``PASSED`` is a test
#: that found nothing: it resolves a finding that is on record and opens none. ``FIXED`` is a finding that was there once, and is kept as a
#: resolved one. ``NO_VERDICT`` is a test that failed, was skipped or left out by an exception: it leaves the finding as it was.
PASSED, FIXED, NO_VERDICT, OPEN, RESURFACED = -2, -1, 0, 1, 2

Columns = tuple[str, ...]

#: What some scanners write where a host has no name, and names that every host has; lower case.
NO_NAME: Columns = (
    "", "-", "n/a", "na", "nil", "none", "null", "unknown", "undefined", "not available", "no name", "no hostname",
    "no registered hostname", "no dns name", "localhost", "localhost.localdomain",
)  # fmt: skip


def normalised(name: str) -> str:
    """A column name as it is compared: case, outer and repeated blanks do not count."""
    return " ".join(name.split()).casefold()


@dataclass(frozen=True)
class Fields:
    """For each neutral field the columns it may stand in; of several, the first that is not empty counts.

    Asset: ``asset_id`` (the scanner's own), ``fqdn``, ``netbios``, ``ip``, ``host`` (an address or a name, as it comes), ``name``,
    ``realm`` (what keeps equal addresses and names apart, such as a repository), ``os``. A cell may list several names or addresses.
    Definition: ``plugin_id``, ``title``, ``cves`` (any text that holds CVE ids), ``advisories`` (text whose advisory ids count where
    there is no CVE), ``family``, ``description``, ``solution``, ``see_also``, ``cvss_vector``, ``cvss`` (0..10), ``vpr`` (0..10),
    ``epss`` (0..1), ``published``, ``updated``.
    Finding: ``severity``, ``state``, ``port``, ``protocol``, ``first_seen``, ``last_seen`` (it tells the date of the scan as well),
    ``fixed_on`` (the day on which the scanner found it fixed).
    """

    asset_id: Columns = ()
    fqdn: Columns = ()
    netbios: Columns = ()
    ip: Columns = ()
    host: Columns = ()
    name: Columns = ()
    realm: Columns = ()
    os: Columns = ()
    plugin_id: Columns = ()
    title: Columns = ()
    cves: Columns = ()
    advisories: Columns = ()
    family: Columns = ()
    description: Columns = ()
    solution: Columns = ()
    see_also: Columns = ()
    cvss_vector: Columns = ()
    cvss: Columns = ()
    vpr: Columns = ()
    epss: Columns = ()
    published: Columns = ()
    updated: Columns = ()
    severity: Columns = ()
    state: Columns = ()
    port: Columns = ()
    protocol: Columns = ()
    first_seen: Columns = ()
    last_seen: Columns = ()
    fixed_on: Columns = ()


@dataclass(frozen=True)
class Format:
    """One scanner's export.

    :ivar key: the scanner's name in data, and part of a source's identity: never change it.
    :ivar signature: groups of columns; a header that has one of each group is this scanner's.
    :ivar essential: what the import cannot do without, in words, with the columns any one of which provides it.
    :ivar severities: words or numbers, lower case, to 0..4.
    :ivar states: words, lower case, to ``PASSED``, ``FIXED``, ``OPEN`` or ``RESURFACED``; any other word means ``other_state``, and
        an empty cell ``OPEN``.
    :ivar day_first: how the scanner writes dates in numbers, where a column leaves it open; every other shape of a date is
        known without being declared.
    :ivar nulls: cells that mean "nothing", beside the empty one.
    :ivar blank_header: what a single column without a name is.
    :ivar markup: texts hold simple HTML, which is turned into plain text.
    :ivar backslash_quotes: quotes within cells are written ``\\"``, and not doubled.
    :ivar scan_facts: columns in one of which Nessus' plugin 19506 tells when the scan began.
    :ivar bare_rows: a row without plugin and severity is the scanner's way to say that nothing was found; it counts as blank.
    :ivar last_resort: asked only when no other format knows the header.
    :ivar header: the normalised names of a mapping that a user has saved: a file has just these, in any order.
    """

    key: str
    name: str
    signature: tuple[Columns, ...]
    essential: Mapping[str, Columns]
    fields: Fields
    severities: Mapping[str, int] = field(default_factory=lambda: SEVERITY_WORDS)
    states: Mapping[str, int] = field(default_factory=dict)
    other_state: int = OPEN
    day_first: bool = False
    nulls: Columns = ("N/A", "null")
    blank_header: str | None = None
    markup: bool = False
    backslash_quotes: bool = False
    scan_facts: Columns = ()
    bare_rows: bool = False
    last_resort: bool = False
    header: frozenset[str] | None = None

    def signed(self, names: Sequence[str]) -> bool:
        """Whether a header (normalised names) is this scanner's."""
        if self.header is not None:
            return self.header == set(names)
        return all(_any_of(group, names) for group in self.signature)

    def missing(self, names: Sequence[str]) -> list[tuple[str, Columns]]:
        """The essentials that a header (normalised names) does not provide."""
        return [(meaning, columns) for meaning, columns in self.essential.items() if not _any_of(columns, names)]

    def recognised(self, names: Sequence[str]) -> Recognised:
        """Where each field stands in a header (normalised names)."""
        names = list(names)
        if self.blank_header and names.count("") == 1 and normalised(self.blank_header) not in names:
            names[names.index("")] = normalised(self.blank_header)
        places = {name: index for index, name in reversed(list(enumerate(names)))}
        return Recognised(
            self,
            {
                field_name: tuple(places[normalised(column)] for column in columns if normalised(column) in places)
                for field_name, columns in vars(self.fields).items()
            },
            next((places[normalised(column)] for column in self.scan_facts if normalised(column) in places), None),
        )


@dataclass(frozen=True)
class Recognised:
    """A format met in a file: for each field of :class:`Fields` the indexes of its columns, the first to count first.

    :ivar scan_facts: the index of the column of :attr:`Format.scan_facts`, if the file has one.
    """

    format: Format
    places: Mapping[str, tuple[int, ...]]
    scan_facts: int | None = None


def _any_of(columns: Iterable[str], names: Sequence[str]) -> bool:
    return any(normalised(column) in names for column in columns)
