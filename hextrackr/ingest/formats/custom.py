"""Formats that users make of files that no module here knows, and a first guess at what their columns mean. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from hextrackr.domain.verdicts import FIXED, OPEN, RESURFACED
from hextrackr.errors import RequestError

from .format import FIELD_NAMES, SEVERITY_WORDS, TENABLE_SEVERITIES, Format, columns_of, normalised

#: CVSS v3 qualitative severity rating scale, https://www.first.org/cvss/v3.1/specification-document (section 5), in whole tenths.
_RATINGS = ((0, 0), (39, 1), (69, 2), (89, 3), (100, 4))
_SCORES = {
    text: next(rating for limit, rating in _RATINGS if tenths <= limit)
    for tenths in range(101)
    for text in {f"{tenths / 10:.1f}", f"{tenths / 10:g}"}
}

#: How a column may write its severity, beside the usual words: name to the values it may have.
SCALES: Mapping[str, Mapping[str, int]] = MappingProxyType(
    {
        "words": SEVERITY_WORDS,
        "0-4": TENABLE_SEVERITIES,
        "1-5": {**SEVERITY_WORDS, **{str(number): number - 1 for number in range(1, 6)}},
        "0-10": {**SEVERITY_WORDS, **_SCORES},
    }
)
STATES: Mapping[str, int] = MappingProxyType(
    {
        **dict.fromkeys(("fixed", "resolved", "closed", "mitigated", "remediated"), FIXED),
        **dict.fromkeys(("new", "open", "active"), OPEN),
        **dict.fromkeys(("resurfaced", "reopened"), RESURFACED),
    }
)
#: What a mapping cannot do without: its meaning, and the fields any one of which provides it.
ESSENTIAL: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "the host": ("asset_id", "fqdn", "netbios", "ip", "host", "name"),
        "the vulnerability": ("plugin_id", "title", "cves"),
        "the severity": ("severity",),
    }
)
_HINTS = (
    ("host", r"\bhost|\bdevice|\bserver|\btarget|\bmachine|\basset\b|\bcomputer"),
    ("ip", r"\bip\b|\bip_|addr"),
    ("severity", r"severity|\brisk\b|criticality|\brating\b"),
    ("cves", r"\bcves?\b|cve.?ids?\b"),
    ("cvss", r"cvss"),
    ("title", r"title|\bname\b|vulnerability|finding|issue|problem|plugin.?name"),
    ("plugin_id", r"plugin|\bqid\b|\bcheck\b|\boid\b|vuln.*\bid\b"),
    ("port", r"\bport\b"),
    ("protocol", r"protocol|\bproto\b"),
    ("state", r"\bstate\b|\bstatus\b"),
    ("description", r"description|details|\bsummary\b"),
    ("solution", r"solution|remediation|\bfix\b|recommendation"),
    ("os", r"\bos\b|operating"),
    ("evidence", r"\boutput\b|evidence|proof|\bresults?\b"),
    ("first_seen", r"first.*(seen|found|detected|discovered|observed)"),
    (
        "last_seen",
        r"last.*(seen|found|detected|scan|observed)|scan.?(date|time)|timestamp|(seen|found|detected) (on|at)\b",
    ),
    (
        "fixed_on",
        r"(fixed|resolved|mitigated|remediated|closed).*(on|at|date|time)\b|\b(date|last).*(fixed|resolved|mitigated)",
    ),
)


def format_of(
    key: str, name: str, header: Iterable[str], fields: Mapping[str, str], *, severity_scale: str, day_first: bool
) -> Format:
    """The format that a saved mapping describes.

    :param header: the column names of the files it is for; these and no others.
    :param fields: names of fields to columns.
    :raises RequestError: it has no such field or scale, names a column twice, or lacks what an import cannot do without.
    """
    names = {normalised(column) for column in header}
    unknown = sorted(set(fields) - set(FIELD_NAMES))
    if unknown:
        raise RequestError(f"There is no field {unknown[0]}.")
    missing = sorted(column for column in fields.values() if normalised(column) not in names)
    if missing:
        raise RequestError(f"The file has no column {missing[0]}.")
    if severity_scale not in SCALES:
        raise RequestError(f"The severity scale must be one of {', '.join(SCALES)}.")
    for meaning, choices in ESSENTIAL.items():
        if not any(field in fields for field in choices):
            raise RequestError(f"The mapping does not say which column holds {meaning}.")
    return Format(
        key=key,
        name=name,
        signature=(),
        essential={},
        fields=columns_of(**{field: (column,) for field, column in fields.items()}),
        severities=SCALES[severity_scale],
        states=STATES,
        day_first=day_first,
        header=frozenset(names),
    )


def guess(header: Sequence[str], known: Iterable[Format]) -> dict[str, str]:
    """What the columns of an unknown file may mean: by the names that known formats use, else by words in them.

    :return: names of fields to columns as they stand in the file; no column twice.
    """
    votes: Counter[tuple[str, str]] = Counter()
    for known_format in known:
        for field, columns in known_format.fields.items():
            for rank, column in enumerate(columns):
                votes[(normalised(column), field)] += max(1, 4 - rank)
    chosen: dict[str, str] = {}
    free = [column for column in header if column.strip()]
    for (name, field), _ in votes.most_common():
        match = next((column for column in free if normalised(column) == name), None)
        if match is not None and field not in chosen:
            chosen[field] = match
            free.remove(match)
    for field, pattern in _HINTS:
        match = next((column for column in free if re.search(pattern, normalised(column))), None)
        if match is not None and field not in chosen:
            chosen[field] = match
            free.remove(match)
    return chosen
