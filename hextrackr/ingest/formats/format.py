"""What a format says of a scanner's export: which column holds what, in which words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType

from hextrackr.domain import fields
from hextrackr.domain.fields import Field
from hextrackr.domain.verdicts import OPEN

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


Columns = tuple[str, ...]

#: What a detail is about.
HOST, VULNERABILITY, FINDING = "host", "vulnerability", "finding"


def _fields(by_rule: Mapping[str, str], declared: Iterable[Field], *but: str) -> Mapping[str, str]:
    """Names and labels of the fields that rules of their own read, and of the declared ones that are not among ``but``."""
    return MappingProxyType({**by_rule, **{field.name: field.label for field in declared if field.name not in but}})


#: The fields of a format with their labels, by what they are about: what decides who is who and whether a finding is open, and what the
#: record keeps.
HOST_FIELDS = _fields(
    {
        "host": "Host, a name or an address",
        "asset_id": "The scanner's id for the host",
        "realm": "Network or repository of the host",
    },
    fields.HOST,
    "last_seen",
)
VULNERABILITY_FIELDS = _fields(
    {"plugin_id": "Plugin, QID or check id", "cves": "CVEs", "advisories": "Advisory ids"}, fields.VULNERABILITY
)
FINDING_FIELDS = _fields(
    {
        "severity": "Severity",
        "state": "State",
        "port": "Port",
        "protocol": "Protocol",
        "first_seen": "First seen",
        "last_seen": "Last seen",
        "fixed_on": "Fixed on",
        "evidence": "Evidence, such as a plugin's output",
    },
    fields.FINDING,
    *VULNERABILITY_FIELDS,
)
FIELD_NAMES = (*HOST_FIELDS, *VULNERABILITY_FIELDS, *FINDING_FIELDS)
#: What a column that only stands in for an earlier one of its field is about: where both are there, it is kept as a detail.
_LEVELS: Mapping[str, str] = MappingProxyType(
    {
        **{name: HOST for name in HOST_FIELDS if name != "realm"},
        **dict.fromkeys((*VULNERABILITY_FIELDS, "severity"), VULNERABILITY),
        **{field.name: FINDING for field in fields.FINDING if field.name not in VULNERABILITY_FIELDS},
    }
)

#: What some scanners write where a host has no name, and names that every host has; lower case.
NO_NAME: Columns = (
    "", "-", "--", "n/a", "na", "n.a.", "nil", "none", "(none)", "null", "unknown", "<unknown>", "(unknown)", "undefined", "unresolved",
    "not available", "not found", "no name", "no hostname", "no host name", "no registered hostname", "no registered host name",
    "no dns name", "no netbios name", "localhost", "localhost.localdomain", "localhost4", "localhost4.localdomain4", "localhost6",
    "localhost6.localdomain6", "ip6-localhost", "ip6-loopback", "n/d", "tbd", "unassigned",
)  # fmt: skip
#: A sentence that says that there is no name, in lower case, or a text without a letter or a digit.
NO_NAME_SENTENCE = (
    r"[^\p{L}\p{N}]*(?:(?:no|not|none|unable|cannot|could not|failed) (?:[a-z0-9 ]* )?"
    r"(?:names?|hostnames?|hosts?|dns|fqdns?|netbios|ptr|records?|registered|resolved?|available|found|known|defined|assigned|set|data)"
    r"|(?:host ?name|dns name|netbios name|fqdn|name) (?:is )?(?:not [a-z]+|unavailable|unknown|missing|unresolved)"
    r"|empty|none|null|unknown|undefined|unresolved)?[^\p{L}\p{N}]*"
)

#: Words in any scanner's column of states that are no verdict, lower case: the check did not run, or did not come to an end.
NO_VERDICT_WORDS: Columns = (
    "error", "errored", "failed to run", "unknown", "undetermined", "inconclusive", "skipped", "aborted", "cancelled", "canceled",
    "interrupted", "timeout", "timed out", "untested", "unscanned", "unassessed", "unevaluated",
    *(
        f"not{separator}{done}"
        for separator in (" ", "_", "-", "")
        for done in (
            "applicable", "tested", "checked", "scanned", "assessed", "evaluated", "run", "executed", "performed", "selected",
            "supported", "reviewed",
        )
    ),
)  # fmt: skip

#: What any scanner may call the day on which a finding was first seen, and the one on which it was last seen. A format's own names
#: come first.
FIRST_SEEN: Columns = (
    "First Seen", "First Found", "First Detected", "First Discovered", "First Observed", "First Detection", "First Found On",
    "First Seen On", "First Detected On", "First Seen Date", "First Found Date", "First Detected Date", "First Discovered Date",
    "First Observed Date", "First Detection Date", "First Seen At", "First Found At", "First Detected At", "Date First Seen",
    "Date First Found", "Date First Detected", "Date First Discovered", "Date First Observed", "First Seen Time", "First Detected Time",
    "First Found Timestamp", "First Seen Timestamp", "First Detected Timestamp", "First Found Datetime", "First Seen Datetime",
    "First Detected (UTC)", "First Seen (UTC)", "First Found (UTC)",
)  # fmt: skip
LAST_SEEN: Columns = tuple(name.replace("First", "Last") for name in FIRST_SEEN)


def normalised(name: str) -> str:
    """A column name as it is compared: case, outer and repeated blanks do not count."""
    return " ".join(name.replace("\ufeff", "").split()).casefold()


def letters(name: str) -> str:
    """A column name without its blanks and underscores: ``ip_address`` is ``IP Address`` and ``IPAddress``."""
    return "".join(name.replace("_", " ").replace("\ufeff", "").split()).casefold()


def details(*columns: str | Columns) -> dict[str, Columns]:
    """Labels and their columns; a column alone is its own label, else the label comes first."""
    return dict((column, (column,)) if isinstance(column, str) else (column[0], column[1:]) for column in columns)


def columns_of(like: Mapping[str, Columns] = MappingProxyType({}), /, **columns: Columns) -> Mapping[str, Columns]:
    """For each field the columns it may stand in; of several, the first that is not empty counts.

    Beside the values that :mod:`hextrackr.domain.fields` declares there are, of a host: ``asset_id`` (the scanner's own), ``host`` (an
    address or a name, as it comes), and ``realm`` (what keeps equal addresses and names apart, such as a repository); a cell may list
    several names or addresses. Of a vulnerability: ``plugin_id``, ``cves`` (columns for the ids of CVEs and advisories: all of them
    count, as does ``plugin_id``, and ``title`` where these have no CVE), and ``advisories`` (text whose advisory ids count where there
    is nothing else, as do those of ``title``). Of a finding: ``severity``, ``state``, ``port``, ``protocol``, ``first_seen``,
    ``last_seen`` (it tells the date of the scan as well), ``fixed_on`` (the day on which the scanner found it fixed), and ``evidence``
    (what the scanner saw, such as the output of its plugin; of several columns each counts).

    :param like: those of another format, where these do not say otherwise.
    :raises ValueError: there is no such field.
    """
    unknown = sorted(set(columns) - set(FIELD_NAMES))
    if unknown:
        raise ValueError(f"There is no field {unknown[0]}.")
    return MappingProxyType({name: columns.get(name, like.get(name, ())) for name in FIELD_NAMES})


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
    :ivar check: what people call the scanner's id of a check, such as ``QID``; empty where the id speaks for itself.
    :ivar signature: groups of columns; a header that has one of each group is this scanner's.
    :ivar essential: what the import cannot do without, in words, with the columns any one of which provides it.
    :ivar severities: words or numbers, lower case, to 0..4.
    :ivar states: words, lower case, to ``PASSED``, ``FIXED``, ``OPEN`` or ``RESURFACED``; any other word means ``other_state`` (None:
        the row is rejected), and an empty cell ``OPEN``.
    :ivar no_verdict: the words, lower case, that say nothing of whether the finding is there: an error, an exclusion, a check that was
        not made. They leave a finding as it was.
    :ivar fixed_days: the state is the day on which a finding was fixed, and any other text means ``other_state``.
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
    :ivar scan_facts: columns in one of which Nessus' plugin 19506 tells when the scan began.
    :ivar bare_rows: a row without plugin and severity is the scanner's way to say that nothing was found; it counts as blank.
    :ivar quoted_formulas: an apostrophe before a cell that a spreadsheet would take for a formula is none of its text.
    :ivar last_resort: asked only when no other format knows the header.
    :ivar header: the normalised names of a mapping that a user has saved: a file has just these, in any order.
    """

    key: str
    name: str
    signature: tuple[Columns, ...]
    essential: Mapping[str, Columns]
    fields: Mapping[str, Columns]
    severities: Mapping[str, int] = field(default_factory=lambda: SEVERITY_WORDS)
    states: Mapping[str, int] = field(default_factory=dict)
    other_state: int | None = OPEN
    no_verdict: Columns = NO_VERDICT_WORDS
    fixed_days: bool = False
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
    scan_facts: Columns = ()
    bare_rows: bool = False
    quoted_formulas: bool = False
    last_resort: bool = False
    check: str = "Plugin"
    header: frozenset[str] | None = None

    def signed(self, header: Sequence[str], form: Callable[[str], str] = normalised) -> bool:
        """Whether a header is this scanner's.

        :param form: what of a name is compared: :func:`normalised` or, less strictly, :func:`letters`.
        """
        if self.header is not None:
            return self.header == set(map(normalised, header))
        return self.lacking(header, form) == 0

    def lacking(self, header: Sequence[str], form: Callable[[str], str] = normalised) -> int:
        """How many groups of the signature a header has no column of."""
        names = set(map(form, header))
        return sum(names.isdisjoint(_compared(group, form)) for group in self.signature)

    def missing(self, header: Sequence[str]) -> list[tuple[str, Columns]]:
        """The essentials that a header does not provide."""
        names = set(map(letters, header))
        return [
            (meaning, columns)
            for meaning, columns in self.essential.items()
            if names.isdisjoint(_compared(columns, letters))
        ]

    def recognised(self, header: Sequence[str]) -> Recognised:
        """Where each field stands in a header. A name that is there more than once stands in all these places."""
        names = list(map(letters, header))
        if self.blank_header and names.count("") == 1 and letters(self.blank_header) not in names:
            names[names.index("")] = letters(self.blank_header)
        places: dict[str, list[int]] = {}
        for index, name in enumerate(names):
            places.setdefault(name, []).append(index)
        fields = {field_name: _places(columns, places) for field_name, columns in self.fields.items()}
        scan_facts = next(iter(_places(self.scan_facts, places)), None)
        return Recognised(self, fields, scan_facts, self._details(header, places, fields))

    def _details(
        self, header: Sequence[str], places: Mapping[str, Sequence[int]], fields: Mapping[str, tuple[int, ...]]
    ) -> tuple[Detail, ...]:
        """The details that a header has."""
        declared = {HOST: self.host_details, VULNERABILITY: self.vulnerability_details, FINDING: self.finding_details}
        found = [
            Detail(level, label, _places(columns, places))
            for level, labels in declared.items()
            for label, columns in labels.items()
        ]
        used = {place for detail in found for place in detail.places}
        # The first column of a field is kept as that field, and so are all CVEs and what evidence there is; advisories count only
        # without a CVE.
        used |= {found[0] for name, found in fields.items() if found and name != "advisories"}
        used |= {*fields["evidence"], *fields["cves"]}
        for name, level in _LEVELS.items():
            for column in self.fields[name]:
                new = tuple(place for place in places.get(letters(column), ()) if place not in used)
                if new:
                    found.append(Detail(level, column, new))
                    used.update(new)
        of_fields = {place for found in fields.values() for place in found}
        passed_over = set(map(letters, self.not_kept))
        for place, name in enumerate(map(normalised, header)):
            prefix = next((prefix for prefix in self.prefixes if name.startswith(prefix)), None)
            if prefix is not None and place not in used | of_fields and letters(name) not in passed_over:
                found.append(Detail(self.prefixes[prefix], _spoken(name.removeprefix(prefix)), (place,)))
        return tuple(detail for detail in found if detail.places)


@dataclass(frozen=True)
class Recognised:
    """A format met in a file: for each field the indexes of its columns, the first to count first.

    :ivar scan_facts: the index of the column of :attr:`Format.scan_facts`, if the file has one.
    """

    format: Format
    places: Mapping[str, tuple[int, ...]]
    scan_facts: int | None = None
    details: tuple[Detail, ...] = ()

    @property
    def used(self) -> set[int]:
        """The columns that are kept: as a field, as evidence or as a detail."""
        return {place for places in self.places.values() for place in places} | {
            place for detail in self.details for place in detail.places
        }


@cache
def _compared(columns: Columns, form: Callable[[str], str]) -> frozenset[str]:
    """Columns of one of our formats as they are compared, with each line of a file that may be its header."""
    return frozenset(map(form, columns))


def _places(columns: Columns, places: Mapping[str, Sequence[int]]) -> tuple[int, ...]:
    return tuple(place for name in dict.fromkeys(map(letters, columns)) for place in places.get(name, ()))


def _spoken(name: str) -> str:
    """A label for a column that no list names."""
    words = name.replace("_", " ").replace(".", " ").strip()
    return words[:1].upper() + words[1:]
