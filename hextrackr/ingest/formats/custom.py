"""Formats that users make of files that no module here knows, and a first guess at what their columns mean. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from hextrackr.domain.verdicts import FIXED, NO_VERDICT, OPEN, RESURFACED
from hextrackr.errors import RequestError

from .format import (
    FIELD_NAMES,
    FINDING,
    HOST,
    NO_VERDICT_WORDS,
    SEVERITY_WORDS,
    TENABLE_SEVERITIES,
    VULNERABILITY,
    Format,
    columns_of,
    details,
    normalised,
)

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
#: What a value of a column can mean: by field, the word for it and what is stored.
MEANINGS: Mapping[str, Mapping[str, int]] = MappingProxyType(
    {
        "severity": MappingProxyType({"critical": 4, "high": 3, "medium": 2, "low": 1, "info": 0}),
        "state": MappingProxyType(
            {"open": OPEN, "resolved": FIXED, "reopened": RESURFACED, "no-verdict": NO_VERDICT},
        ),
    }
)
#: A mapping says of so many values at the most what they mean, each of so many characters.
MAX_MEANINGS, MAX_VALUE = 500, 255
#: Columns that are stored beside the fields, as details: what the choice is called, and what they are about.
DETAILS: Mapping[str, str] = MappingProxyType(
    {"host_detail": HOST, "vulnerability_detail": VULNERABILITY, "finding_detail": FINDING}
)
#: What several columns may be at once: each of them counts.
SEVERAL = ("cves", "advisories", "evidence", *DETAILS)
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
    key: str,
    name: str,
    header: Iterable[str],
    fields: Mapping[str, Any],
    *,
    severity_scale: str,
    day_first: bool,
    meanings: Mapping[str, Any] = MappingProxyType({}),
    complete: bool = True,
) -> Format:
    """The format that a saved mapping describes.

    :param header: the column names of the files it is for; these and no others.
    :param fields: names of fields, and of :data:`DETAILS`, to a column or several.
    :param meanings: for ``severity`` and ``state``, values to words of :data:`MEANINGS`; they count before the scale and the usual words
        of states. Once states are mapped, even if no value is, a state without a meaning makes its row a reject; else it means open.
    :param complete: refuse a mapping that lacks what an import cannot do without.
    :raises RequestError: it has no such field, scale or meaning, two columns for what can be but one, or lacks what an import cannot do
        without.
    """
    names = {normalised(column) for column in header}
    columns = columns_by_field(fields)
    absent = sorted(column for chosen in columns.values() for column in chosen if normalised(column) not in names)
    if absent:
        raise RequestError(f"The file has no column '{absent[0]}'.")
    if severity_scale not in SCALES:
        raise RequestError(f"The severity scale must be one of {', '.join(SCALES)}.")
    if complete and (lacking := missing(columns)):
        raise RequestError(f"No column is mapped to {lacking[0]}.")
    spoken = stored_meanings(meanings)
    by_level = {level: details(*columns.get(choice, ())) for choice, level in DETAILS.items()}
    return Format(
        key=key,
        name=name,
        signature=(),
        essential={},
        fields=columns_of(**{field: chosen for field, chosen in columns.items() if field not in DETAILS}),
        severities={**SCALES[severity_scale], **spoken["severity"]},
        states={**STATES, **spoken["state"]},
        other_state=None if "state" in meanings else OPEN,
        host_details=by_level[HOST],
        vulnerability_details=by_level[VULNERABILITY],
        finding_details=by_level[FINDING],
        day_first=day_first,
        header=frozenset(names),
    )


def columns_by_field(fields: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """The columns of each field that has any.

    :param fields: names of fields, and of :data:`DETAILS`, to a column or a list of columns.
    :raises RequestError: there is no such field, or it cannot have several columns.
    """
    found: dict[str, tuple[str, ...]] = {}
    for field, value in fields.items():
        columns = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else (None,)
        if not all(isinstance(column, str) for column in columns):
            raise RequestError("fields must be an object of field names, with a column or a list of columns each.")
        if field not in FIELD_NAMES and field not in DETAILS:
            raise RequestError(f"Unknown field '{field}'.")
        chosen = tuple(filter(None, columns))
        if len(chosen) > 1 and field not in SEVERAL:
            raise RequestError(f"Only one column can be {field}: {chosen[0]} or {chosen[1]}.")
        if chosen:
            found[field] = chosen
    return found


def missing(fields: Iterable[str]) -> list[str]:
    """What a mapping of these fields still does without, and cannot."""
    has = set(fields)
    return [meaning for meaning, choices in ESSENTIAL.items() if has.isdisjoint(choices)]


def stored_meanings(meanings: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """What the values that a mapping speaks of mean, as formats write it.

    :raises RequestError: they are not of ``severity`` or ``state``, have another meaning than there is, or are too many.
    """
    stored: dict[str, dict[str, int]] = {field: {} for field in MEANINGS}
    for field, words in meanings.items():
        if field not in MEANINGS:
            raise RequestError(f"Values of {field} cannot be mapped; those of severity and state can.")
        if not isinstance(words, dict) or len(words) > MAX_MEANINGS:
            raise RequestError(f"meanings of {field} must be an object of at most {MAX_MEANINGS} values.")
        for value, word in words.items():
            if not isinstance(word, str) or word not in MEANINGS[field]:
                raise RequestError(f"A {field} must mean one of {', '.join(MEANINGS[field])}.")
            if len(value) > MAX_VALUE:
                raise RequestError(f"A value may have at most {MAX_VALUE} characters.")
            stored[field][value.lower()] = MEANINGS[field][word]
    return stored


def usual_meaning(field: str, value: str, severity_scale: str) -> str | None:
    """The word of :data:`MEANINGS` for what a value means if the mapping does not say, if it means something.

    :param value: in lower case.
    """
    usual = SCALES[severity_scale] if field == "severity" else {**dict.fromkeys(NO_VERDICT_WORDS, NO_VERDICT), **STATES}
    if field == "state" and not value:
        return "open"
    return next((word for word, number in MEANINGS[field].items() if usual.get(value) == number), None)


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
