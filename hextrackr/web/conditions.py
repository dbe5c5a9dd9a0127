"""What the parameters of a list of findings stand for: limits, and what is looked up to make limits of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from functools import partial
from typing import Any

from sqlalchemy import and_, or_, select

from hextrackr.domain.models import (
    Asset,
    Definition,
    DefinitionCve,
    EventKind,
    Finding,
    FindingChange,
    Import,
    ImportState,
    Sighting,
)
from hextrackr.errors import RequestError

from . import lookups, parameters
from .limits import Arm, ChangedArm, Filter, IndexArm, Limit
from .lookups import Lookup

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


def looked_up(arguments: Mapping[str, str]) -> Iterator[Lookup]:
    """What a query limits findings to by something else: hosts, definitions, imports.

    :raises RequestError: as above.
    """
    if host := parameters.said(arguments, "host"):
        yield lookups.of_hosts(_is_host(host))
    if definitions := [*_definitions(arguments)]:
        yield lookups.of_definitions(*definitions)
    if search := parameters.said(arguments, "search"):
        yield lookups.of_text(search, in_evidence=parameters.said(arguments, "searchEvidence") == "true")
    if since := parameters.said(arguments, "newSince"):
        standing = (Import.state == ImportState.COMPLETED, Import.undone_at.is_(None))
        yield lookups.of_imports(*standing, Import.scan_date >= parameters.as_day("newSince", since))
    yield from _changed(arguments)


def _is_host(text: str) -> Filter:
    if text.isascii() and text.isdigit():
        return Asset.id == parameters.number("host", text, 1, parameters.MAX_NUMBER)
    return or_(*(name == text for name in (Asset.name, Asset.fqdn, Asset.netbios, Asset.ip)))


def _definitions(arguments: Mapping[str, str]) -> Iterator[Filter]:
    if number := parameters.said(arguments, "definition"):
        yield Definition.id == parameters.number("definition", number, 1, parameters.MAX_NUMBER)
    if cve := parameters.said(arguments, "cve"):
        yield Definition.id.in_(select(DefinitionCve.definition_id).where(DefinitionCve.cve == cve.upper()))
    if family := parameters.said(arguments, "family"):
        yield Definition.family == family
    yield from _within(Definition.epss, _ends(arguments, _EPSS, partial(parameters.score, most=1)))


def _changed(arguments: Mapping[str, str]) -> Iterator[Lookup]:
    """What imports opened or changed, or only one ``change`` of them."""
    numbers, kind = parameters.numbers(arguments, "changedBy"), parameters.said(arguments, "change")
    if kind and kind not in tuple(EventKind):
        raise RequestError(f"change must be one of {', '.join(EventKind)}.")
    change = and_(FindingChange.import_id.in_(numbers), *([FindingChange.kind == kind] if kind else []))
    of_finding = select(FindingChange.finding_id).where(FindingChange.finding_id == Finding.id, change)
    changed = ChangedArm(of_finding.exists(), change)
    if numbers and kind in ("", EventKind.OPENED):
        yield lookups.of_imports(Import.id.in_(numbers), or_met=changed if not kind else None)
    elif numbers:
        yield lambda _bound, _pause: Limit((changed,))


def _led(index: str, met: Filter, has: frozenset[str] = frozenset()) -> Limit:
    return Limit((IndexArm(met, index, has),))


def _ends(arguments: Mapping[str, str], names: tuple[str, str], read: Callable[[str, str], Any]) -> tuple[Any, Any]:
    """The lower and the upper end that a query says; None for none."""
    least, most = (parameters.said(arguments, name) for name in names)
    return read(names[0], least) if least else None, read(names[1], most) if most else None


def _within(column: Any, *ranges: tuple[Any, Any]) -> list[Filter]:
    """That a value lies within all of these, if any of them has an end."""
    least = [low for low, _ in ranges if low is not None]
    most = [high for _, high in ranges if high is not None]
    return [*([column >= max(least)] if least else []), *([column <= min(most)] if most else [])]
