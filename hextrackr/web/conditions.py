"""What the parameters of a list of findings stand for: limits, and conditions on hosts and definitions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from functools import partial
from typing import Any

from sqlalchemy import and_, or_, select

from hextrackr.errors import RequestError
from hextrackr.models import Asset, Definition, DefinitionCve, Finding, FindingChange, Import, Sighting
from hextrackr.models.events import EventKind
from hextrackr.models.imports import ImportState
from hextrackr.models.matching import Contains

from . import parameters
from .limits import Arm, ChangedArm, Filter, Limit

#: Parameters that are the lower and the upper ends of a range.
_FIRST_SEEN = ("firstSeenFrom", "firstSeenTo")
_AGES = ("ageMax", "ageMin")
_LAST_SEEN = ("lastSeenFrom", "lastSeenTo")
_VPR, _CVSS, _EPSS = ("vprMin", "vprMax"), ("cvssMin", "cvssMax"), ("epssMin", "epssMax")
_GRADE, _SOURCE_AND_GRADE = frozenset({"grade"}), frozenset({"source", "grade"})


def limits(arguments: Mapping[str, str], today: date) -> Iterator[Limit]:
    """What a query limits findings to by what they are themselves; not by severity, state and source.

    :param today: what an age is counted to.
    :raises RequestError: a value that does not exist or is out of its range.
    """
    first_seen = _ends(arguments, _FIRST_SEEN, parameters.as_day)
    ages = _ends(arguments, _AGES, lambda name, text: today - timedelta(days=parameters.number(name, text, 0, 36_500)))
    ten = partial(parameters.score, most=10)
    if days := _within(Finding.first_seen, first_seen, ages):
        yield _led("ix_findings_first_seen", and_(*days), _SOURCE_AND_GRADE)
    if scores := _within(Finding.vpr, _ends(arguments, _VPR, ten)):
        yield _led("ix_findings_vpr", and_(*scores), _SOURCE_AND_GRADE)
    if scores := _within(Finding.cvss, _ends(arguments, _CVSS, ten)):
        yield _led("ix_findings_cvss", and_(*scores), _SOURCE_AND_GRADE)
    if days := _within(Sighting.day, _ends(arguments, _LAST_SEEN, parameters.as_day)):
        yield _led("ix_findings_sighting", Finding.sighting_id.in_(select(Sighting.id).where(*days)), _GRADE)
    if port := parameters.said(arguments, "port"):
        yield _led("ix_findings_port", Finding.port == parameters.number("port", port, 0, 65_535))
    if protocol := parameters.said(arguments, "protocol"):
        yield Limit((Arm(Finding.protocol == protocol.lower()),))
    if since := parameters.said(arguments, "newSince"):
        yield _led("ix_findings_opened_by", Finding.opened_by.in_(_imports_since(parameters.as_day("newSince", since))))
    yield from _changed(arguments)


def on_hosts(arguments: Mapping[str, str]) -> Iterator[Filter]:
    """What a query asks of a finding's host.

    :raises RequestError: as above.
    """
    if text := parameters.said(arguments, "host"):
        if text.isascii() and text.isdigit():
            yield Asset.id == parameters.number("host", text, 1, parameters.MAX_NUMBER)
        else:
            yield or_(*(name == text for name in (Asset.name, Asset.fqdn, Asset.netbios, Asset.ip)))


def on_definitions(arguments: Mapping[str, str]) -> Iterator[Filter]:
    """What a query asks of a finding's definition.

    :raises RequestError: as above.
    """
    for name, condition in _OF_DEFINITION.items():
        if text := parameters.said(arguments, name):
            yield condition(text)
    yield from _within(Definition.epss, _ends(arguments, _EPSS, partial(parameters.score, most=1)))


def host_contains(text: str) -> Filter:
    """Whether a host's name or address contains a text."""
    return or_(*(Contains(name, text) for name in (Asset.name, Asset.fqdn, Asset.netbios, Asset.ip)))


def definition_contains(text: str) -> Filter:
    """Whether a definition's title or one of its CVEs contains a text, or it has this key."""
    named = select(DefinitionCve.definition_id).where(Contains(DefinitionCve.cve, text))
    return or_(Contains(Definition.title, text), Definition.key == text, Definition.id.in_(named))


def _led(index: str, met: Filter, has: frozenset[str] = frozenset()) -> Limit:
    return Limit((Arm(met, index, has),))


def _ends(arguments: Mapping[str, str], names: tuple[str, str], read: Callable[[str, str], Any]) -> tuple[Any, Any]:
    """The lower and the upper end that a query says; None for none."""
    least, most = (parameters.said(arguments, name) for name in names)
    return read(names[0], least) if least else None, read(names[1], most) if most else None


def _within(column: Any, *ranges: tuple[Any, Any]) -> list[Filter]:
    """That a value lies within all of these, if any of them has an end."""
    least = [low for low, _ in ranges if low is not None]
    most = [high for _, high in ranges if high is not None]
    return [*([column >= max(least)] if least else []), *([column <= min(most)] if most else [])]


#: Parameter -> the condition on a definition that its text stands for.
_OF_DEFINITION: dict[str, Callable[[str], Filter]] = {
    "definition": lambda text: Definition.id == parameters.number("definition", text, 1, parameters.MAX_NUMBER),
    "cve": lambda text: Definition.id.in_(select(DefinitionCve.definition_id).where(DefinitionCve.cve == text.upper())),
    "family": lambda text: Definition.family == text,
}


def _imports_since(day: date) -> Any:
    standing = (Import.state == ImportState.COMPLETED, Import.undone_at.is_(None))
    return select(Import.id).where(*standing, Import.scan_date >= day)


def _changed(arguments: Mapping[str, str]) -> Iterator[Limit]:
    """What imports opened or changed, or only one ``change`` of them."""
    numbers, kind = parameters.numbers(arguments, "changedBy"), parameters.said(arguments, "change")
    if kind and kind not in tuple(EventKind):
        raise RequestError(f"change must be one of {', '.join(EventKind)}.")
    arms: list[Arm] = []
    if kind in ("", EventKind.OPENED):
        arms.append(Arm(Finding.opened_by.in_(numbers), "ix_findings_opened_by"))
    if kind != EventKind.OPENED:
        change = and_(FindingChange.import_id.in_(numbers), *([FindingChange.kind == kind] if kind else []))
        of_finding = select(FindingChange.finding_id).where(FindingChange.finding_id == Finding.id, change)
        arms.append(ChangedArm(of_finding.exists(), change=change))
    if numbers:
        yield Limit(tuple(arms))
