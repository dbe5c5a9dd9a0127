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

#: What a scanner says of a finding's state, as staged. ``PASSED`` is a test that found nothing: it resolves a finding that is on
#: record and opens none. ``FIXED`` is a finding that was there once, and is kept as a resolved one.
PASSED, FIXED, OPEN, RESURFACED = -1, 0, 1, 2

Columns = tuple[str, ...]

#: What a detail is about.
HOST, VULNERABILITY, FINDING = "host", "vulnerability", "finding"

#: What a column that only stands in for an earlier one of its field is about: where both are there, it is kept as a detail.
_LEVELS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("asset_id", "fqdn", "netbios", "ip", "host", "name", "os"), HOST),
        **dict.fromkeys(
            ("plugin_id", "title", "cves", "advisories", "family", "description", "solution", "see_also", "cvss_vector", "cvss",
             "vpr", "epss", "published", "updated", "severity"),
            VULNERABILITY,
        ),
    }
)  # fmt: skip


def normalised(name: str) -> str:
    """A column name as it is compared: case, outer and repeated blanks do not count."""
    return " ".join(name.split()).casefold()


def details(*columns: str | Columns) -> dict[str, Columns]:
    """Labels and their columns; a column alone is its own label, else the label comes first."""
    return dict((column, (column,)) if isinstance(column, str) else (column[0], column[1:]) for column in columns)


@dataclass(frozen=True)
class Fields:
    """For each neutral field the columns it may stand in; of several, the first that is not empty counts.

    Asset: ``asset_id`` (the scanner's own), ``fqdn``, ``netbios``, ``ip``, ``host`` (an address or a name, as it comes), ``name``,
    ``os``. Of several names or addresses in one cell the first is the asset's.
    Definition: ``plugin_id``, ``title``, ``cves`` (any text that holds CVE ids), ``advisories`` (text whose advisory ids count where
    there is no CVE), ``family``, ``description``, ``solution``, ``see_also``, ``cvss_vector``, ``cvss`` (0..10), ``vpr`` (0..10),
    ``epss`` (0..1), ``published``, ``updated``.
    Finding: ``severity``, ``state``, ``port``, ``protocol``, ``first_seen``, ``last_seen`` (it tells the date of the scan as well),
    ``evidence`` (what the scanner saw, such as the output of its plugin; of several columns each counts).
    """

    asset_id: Columns = ()
    fqdn: Columns = ()
    netbios: Columns = ()
    ip: Columns = ()
    host: Columns = ()
    name: Columns = ()
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
    evidence: Columns = ()


@dataclass(frozen=True)
class Detail:
    """Something that a file says beside its fields: what it is about, its label, and where it may stand."""

    level: str
    label: str
    places: tuple[int, ...]


@dataclass(frozen=True)
class Format:
    """One scanner's export.

    :ivar key: the scanner's name in data, and part of a source's identity: never change it.
    :ivar signature: groups of columns; a header that has one of each group is this scanner's.
    :ivar essential: what the import cannot do without, in words, with the columns any one of which provides it.
    :ivar severities: words or numbers, lower case, to 0..4.
    :ivar states: words, lower case, to ``PASSED``, ``FIXED``, ``OPEN`` or ``RESURFACED``; any other word means ``other_state``, and
        an empty cell ``OPEN``.
    :ivar host_details: what else it says of a host: labels and their columns, see :func:`details`; ``vulnerability_details`` and
        ``finding_details`` likewise. Those of a finding are kept behind its evidence.
    :ivar prefixes: columns that begin so (normalised) are details of a host, a vulnerability or a finding, whether they are listed or not.
    :ivar day_first: how the scanner writes dates in numbers, where a column leaves it open; every other shape of a date is
        known without being declared.
    :ivar nulls: cells that mean "nothing", beside the empty one.
    :ivar not_kept: columns that begin with one of the prefixes and are not kept, such as an age, which is another one each day.
    :ivar blank_header: what a single column without a name is.
    :ivar markup: texts hold simple HTML, which is turned into plain text.
    :ivar backslash_quotes: quotes within cells are written ``\\"``, and not doubled.
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
    host_details: Mapping[str, Columns] = field(default_factory=dict)
    vulnerability_details: Mapping[str, Columns] = field(default_factory=dict)
    finding_details: Mapping[str, Columns] = field(default_factory=dict)
    prefixes: Mapping[str, str] = field(default_factory=dict)
    not_kept: Columns = ()
    day_first: bool = False
    nulls: Columns = ("N/A", "null")
    blank_header: str | None = None
    markup: bool = False
    backslash_quotes: bool = False
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
        fields = {field_name: _places(columns, places) for field_name, columns in vars(self.fields).items()}
        return Recognised(self, fields, self._details(names, places, fields))

    def _details(
        self, names: Sequence[str], places: Mapping[str, int], fields: Mapping[str, tuple[int, ...]]
    ) -> tuple[Detail, ...]:
        """The details that a header has."""
        declared = {HOST: self.host_details, VULNERABILITY: self.vulnerability_details, FINDING: self.finding_details}
        found = [
            Detail(level, label, _places(columns, places))
            for level, labels in declared.items()
            for label, columns in labels.items()
        ]
        used = {place for detail in found for place in detail.places}
        # The first column of a field is kept as that field, and so is what evidence there is; advisories count only without a CVE.
        used |= {found[0] for name, found in fields.items() if found and name != "advisories"} | {*fields["evidence"]}
        for name, level in _LEVELS.items():
            for column in getattr(self.fields, name):
                place = places.get(normalised(column))
                if place is not None and place not in used:
                    found.append(Detail(level, column, (place,)))
                    used.add(place)
        of_fields = {place for found in fields.values() for place in found}
        passed_over = {normalised(column) for column in self.not_kept}
        for name, place in places.items():
            prefix = next((prefix for prefix in self.prefixes if name.startswith(prefix)), None)
            if prefix is not None and place not in used | of_fields and name not in passed_over:
                found.append(Detail(self.prefixes[prefix], _spoken(name.removeprefix(prefix)), (place,)))
        return tuple(detail for detail in found if detail.places)


@dataclass(frozen=True)
class Recognised:
    """A format met in a file: for each field of :class:`Fields` the indexes of its columns, the first to count first."""

    format: Format
    places: Mapping[str, tuple[int, ...]]
    details: tuple[Detail, ...] = ()

    @property
    def used(self) -> set[int]:
        """The columns that are kept: as a field, as evidence or as a detail."""
        return {place for places in self.places.values() for place in places} | {
            place for detail in self.details for place in detail.places
        }


def _places(columns: Columns, places: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(places[normalised(column)] for column in columns if normalised(column) in places)


def _spoken(name: str) -> str:
    """A label for a column that no list names."""
    words = name.replace("_", " ").replace(".", " ").strip()
    return words[:1].upper() + words[1:]


def _any_of(columns: Iterable[str], names: Sequence[str]) -> bool:
    return any(normalised(column) in names for column in columns)
