"""What the parameters of a list of findings stand for: conditions on a finding."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.orm import Session

from hextrackr.models import Asset, Definition, DefinitionCve, Finding, Import, Sighting, Source
from hextrackr.models.imports import ImportState
from hextrackr.models.matching import Contains

from . import parameters

Filter = ColumnElement[bool]

#: Parameter -> column and whether it is its lower end; dates in ISO form.
_DAYS = {
    "firstSeenFrom": (Finding.first_seen, True), "firstSeenTo": (Finding.first_seen, False),
}  # fmt: skip
_LAST_SEEN = {"lastSeenFrom": True, "lastSeenTo": False}
_SCORES = {
    "vprMin": (Finding.vpr, True), "vprMax": (Finding.vpr, False),
    "cvssMin": (Finding.cvss, True), "cvssMax": (Finding.cvss, False),
}  # fmt: skip
_EPSS = {"epssMin": True, "epssMax": False}
#: So many hosts or definitions are listed in a statement.
_LISTED = 2_000


def of(arguments: Mapping[str, str], today: date, named: bool) -> list[Filter]:
    """Every condition that a query asks for, but those on severity, state, source and sighting, on text, and on what changed.

    :param today: what an age is counted to.
    :param named: something is named to which an index leads.
    :raises RequestError: a value that does not exist or is out of its range.
    """
    found = [*_ages(arguments, today), *_scores(arguments, named), *_newer(arguments)]
    for name, condition in _NAMED.items():
        if text := parameters.said(arguments, name):
            found.append(condition(text))
    return found


def sightings(arguments: Mapping[str, str]) -> Select[Any] | None:
    """The ids of the sightings that a query is limited to; None for all."""
    asked = [
        _within(Sighting.day, parameters.as_day(name, text), is_least)
        for name, is_least in _LAST_SEEN.items()
        if (text := parameters.said(arguments, name))
    ]
    return select(Sighting.id).where(*asked) if asked else None


def _ages(arguments: Mapping[str, str], today: date) -> Iterator[Filter]:
    for name, (column, is_least) in _DAYS.items():
        if text := parameters.said(arguments, name):
            yield _within(column, parameters.as_day(name, text), is_least)
    for name, is_least in (("ageMin", False), ("ageMax", True)):
        if text := parameters.said(arguments, name):
            yield _within(
                Finding.first_seen, today - timedelta(days=parameters.number(name, text, 0, 36_500)), is_least
            )


def _scores(arguments: Mapping[str, str], named: bool) -> Iterator[Filter]:
    """Scores lead to findings by their indexes, unless something that is ``named`` does."""
    for name, (column, is_least) in _SCORES.items():
        if text := parameters.said(arguments, name):
            # The index of VPR begins with the source.
            of_any = [Finding.source_id.in_(select(Source.id))] if column is Finding.vpr and not named else []
            yield and_(*of_any, _within(column + 0 if named else column, parameters.score(name, text, 10), is_least))
    for name, is_least in _EPSS.items():
        if text := parameters.said(arguments, name):
            met = _within(Definition.epss, parameters.score(name, text, 1), is_least)
            yield Finding.definition_id.in_(select(Definition.id).where(met))


def _within(column: Any, end: Any, is_least: bool) -> Filter:
    met: Filter = column >= end if is_least else column <= end
    return met


def _of_port(text: str) -> Filter:
    return Finding.port == parameters.number("port", text, 0, 65_535)


def _of_host(text: str) -> Filter:
    if text.isascii() and text.isdigit():
        return Finding.asset_id == parameters.number("host", text, 1, parameters.MAX_NUMBER)
    names = (Asset.name, Asset.fqdn, Asset.netbios, Asset.ip)
    return Finding.asset_id.in_(select(Asset.id).where(or_(*(name == text for name in names))))


def _of_cve(text: str) -> Filter:
    return Finding.definition_id.in_(select(DefinitionCve.definition_id).where(DefinitionCve.cve == text.upper()))


def hosts_with(text: str) -> Select[Any]:
    """The ids of hosts whose names or address contain a text."""
    names = (Asset.name, Asset.fqdn, Asset.netbios, Asset.ip)
    return select(Asset.id).where(or_(*(Contains(name, text) for name in names)))


def definitions_with(text: str) -> Any:
    """The ids of definitions whose title or CVEs contain a text."""
    titled = select(Definition.id).where(or_(Contains(Definition.title, text), Definition.key == text))
    return titled.union(select(DefinitionCve.definition_id).where(Contains(DefinitionCve.cve, text)))


def among(session: Session, column: Any, numbers: Any) -> Filter:
    """One of the numbers, listed unless there are very many."""
    found = session.scalars(numbers.limit(_LISTED + 1)).all()
    met: Filter = column.in_(found if len(found) <= _LISTED else numbers)
    return met


#: Parameter -> the condition that its text stands for.
_NAMED: dict[str, Callable[[str], Filter]] = {
    "port": _of_port,
    "protocol": lambda text: Finding.protocol == text.lower(),
    "host": _of_host,
    "definition": lambda text: Finding.definition_id == parameters.number("definition", text, 1, parameters.MAX_NUMBER),
    "cve": _of_cve,
    "family": lambda text: Finding.definition_id.in_(select(Definition.id).where(Definition.family == text)),
}


def _newer(arguments: Mapping[str, str]) -> Iterator[Filter]:
    """What the imports of the days since one opened."""
    if since := parameters.said(arguments, "newSince"):
        standing = (Import.state == ImportState.COMPLETED, Import.undone_at.is_(None))
        newer = select(Import.id).where(*standing, Import.scan_date >= parameters.as_day("newSince", since))
        yield Finding.opened_by.in_(newer)
