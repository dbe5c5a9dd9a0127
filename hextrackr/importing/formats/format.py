"""What a format says of a scanner's export: which column holds what, in which words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

#: Severity words in any scanner's export, lower case, on our scale of 0 (info) to 4 (critical).
SEVERITY_WORDS: Mapping[str, int] = MappingProxyType(
    {
        **dict.fromkeys(("none", "info", "informational", "log", "negligible", "other"), 0),
        **dict.fromkeys(("low", "l"), 1),
        **dict.fromkeys(("medium", "moderate", "m"), 2),
        **dict.fromkeys(("high", "important", "h"), 3),
        **dict.fromkeys(("critical", "urgent"), 4),
    }
)

#: What a scanner says of a finding's state, as staged: 0 fixed, 1 open, 2 open again.
FIXED, OPEN, RESURFACED = 0, 1, 2

Columns = tuple[str, ...]


def normalised(name: str) -> str:
    """A column name as it is compared: case, outer and repeated blanks do not count."""
    return " ".join(name.split()).casefold()


@dataclass(frozen=True)
class Fields:
    """For each neutral field the columns it may stand in; of several, the first that is not empty counts.

    Asset: ``asset_id`` (the scanner's own), ``fqdn``, ``netbios``, ``ip``, ``name``, ``os``.
    Definition: ``plugin_id``, ``title``, ``cves`` (any text that holds CVE ids), ``family``, ``description``, ``solution``, ``see_also``,
    ``cvss_vector``, ``cvss`` (0..10), ``vpr`` (0..10), ``epss`` (0..1), ``published``, ``updated``.
    Finding: ``severity``, ``state``, ``port``, ``protocol``, ``first_seen``, ``last_seen``.
    """

    asset_id: Columns = ()
    fqdn: Columns = ()
    netbios: Columns = ()
    ip: Columns = ()
    name: Columns = ()
    os: Columns = ()
    plugin_id: Columns = ()
    title: Columns = ()
    cves: Columns = ()
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


@dataclass(frozen=True)
class Format:
    """One scanner's export.

    :ivar key: the scanner's name in data, and part of a source's identity: never change it.
    :ivar signature: groups of columns; a header that has one of each group is this scanner's.
    :ivar essential: what the import cannot do without, in words, with the columns any one of which provides it.
    :ivar severities: words or numbers, lower case, to 0..4.
    :ivar states: words, lower case, to ``FIXED``, ``OPEN`` or ``RESURFACED``; anything else is open.
    :ivar dates: shapes in the notation of ``strptime``, tried in order.
    :ivar nulls: cells that mean "nothing", beside the empty one.
    :ivar blank_header: what a single column without a name is.
    """

    key: str
    name: str
    signature: tuple[Columns, ...]
    essential: Mapping[str, Columns]
    fields: Fields
    dates: tuple[str, ...]
    severities: Mapping[str, int] = field(default_factory=lambda: SEVERITY_WORDS)
    states: Mapping[str, int] = field(default_factory=dict)
    nulls: Columns = ("N/A", "null")
    blank_header: str | None = None

    def signed(self, names: Sequence[str]) -> bool:
        """Whether a header (normalised names) is this scanner's."""
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
        )


@dataclass(frozen=True)
class Recognised:
    """A format met in a file: for each field of :class:`Fields` the indexes of its columns, the first to count first."""

    format: Format
    places: Mapping[str, tuple[int, ...]]


def _any_of(columns: Iterable[str], names: Sequence[str]) -> bool:
    return any(normalised(column) in names for column in columns)
