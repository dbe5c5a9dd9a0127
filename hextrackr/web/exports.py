"""Findings as a file, streamed: in batches, each short enough that the event loop serves others in between.

What is said of hosts and definitions is read once and kept, so that memory grows with these and not with the findings. The findings are
those of the moment each batch is read, in the order in which they came on record.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import Engine, Select, String, func, select, type_coerce
from sqlalchemy.engine import Connection

from hextrackr.models import Asset, Definition, Evidence, Finding, Sighting, Source
from hextrackr.models.hints import by_id
from hextrackr.models.matching import Among

from . import bounded, exportlines, leads
from .filters import Filters

#: Findings of a piece, and those that are looked at for it when nothing leads to them; few of them may match.
_FOUND, _SPAN = 1_000, 2_000
#: What is written of a finding itself, and what refers to the rest of it.
_OWN = (
    Finding.id, Finding.severity, Finding.lifecycle, Finding.port, Finding.vpr, Finding.cvss,
    # As they are written; to make dates of them and text again takes half of the time.
    *(type_coerce(day, String) for day in (Finding.first_seen, Finding.resolved_on)),
)  # fmt: skip
_REFERRING = (
    Finding.asset_id,
    Finding.definition_id,
    Finding.source_id,
    Finding.protocol,
    Finding.sighting_id,
    Finding.evidence_id,
)


class Export:
    """One export.

    :param kind: one of :data:`hextrackr.web.exportlines.KINDS`.
    :param pause: lets others have their turn.
    :param evidence: have the evidence of each finding in it as well.
    :ivar share: how much of the record has been gone through, 0..1; and ``findings``, how many of it are in the file.
    """

    def __init__(
        self, engine: Engine, filters: Filters, kind: str, pause: Callable[[], Any], *, evidence: bool = False
    ) -> None:
        self._engine = engine
        self._filters = filters
        self._lines: exportlines.Lines = exportlines.KINDS[kind]()
        self._has_evidence = evidence
        self._evidence: dict[int | None, str] = {}
        self._pause = pause
        self._hosts: dict[int, str] = {}
        self._definitions: dict[int, tuple[str, str]] = {}
        self._sources: dict[int, str] = {}
        self._protocols: dict[str, str] = {}
        self._days: dict[int, str] = {}
        self.share = 0.0
        self.findings = 0

    def text(self) -> Iterator[str]:
        """The file, in pieces of many lines."""
        lines = self._lines
        yield lines.headed(exportlines.EVIDENCE) if self._has_evidence else lines.opening
        separator = lines.before_first
        for share, statement in self._batches():
            with self._engine.connect() as connection:
                found = connection.execute(statement).all()
                if found:
                    self._learn(connection, found)
            self.share, self.findings = share, self.findings + len(found)
            if found:
                yield separator + lines.separator.join(self._line(row) for row in found)
                separator = lines.separator
            self._pause()
        yield lines.closing

    def _batches(self) -> Iterator[tuple[float, Select[Any]]]:
        """What finds each, and how much has been gone through with it."""
        columns = (*_OWN, *_REFERRING)
        with self._engine.connect() as connection:
            filters = self._filters.looked_up(connection, self._pause)
            lead = leads.best(connection, filters)
            last = connection.scalar(select(func.max(Finding.id))) or 0
            # A few are found at once, so that nobody need have a turn meanwhile.
            ids = sorted(leads.collect(connection, filters, lead, leads.MOST, lambda: None)) if lead.are_few else []
        if not lead.are_few:
            for first in range(0, last + 1, _SPAN):
                yield (
                    min(1.0, (first + _SPAN) / (last + 1)),
                    filters.in_span(first, _SPAN, *columns).order_by(Finding.id),
                )
        for place in range(0, len(ids), _FOUND):
            part = ids[place : place + _FOUND]
            among_these: Any = select(*columns).where(Among(Finding.id, part)).order_by(Finding.id)
            yield (place + len(part)) / len(ids), by_id(Finding, among_these)

    def _line(self, row: Sequence[Any]) -> str:
        *finding, host, definition, source, protocol, sighting, evidence = row
        told, epss = self._definitions[definition]
        parts = (self._hosts[host], told, self._protocols[protocol], epss, self._sources[source], self._days[sighting])
        line = self._lines.line(finding, parts)
        return self._lines.longer(line, self._evidence[evidence]) if self._has_evidence else line

    def _learn(self, connection: Connection, found: Sequence[Any]) -> None:
        """Read what these findings refer to, unless it is known."""
        part = self._lines.part
        if new := {row.asset_id for row in found} - self._hosts.keys():
            named = func.coalesce(Asset.name, Asset.fqdn, Asset.netbios, Asset.ip, Asset.key)
            for number, *names in connection.execute(
                select(Asset.id, named, Asset.fqdn, Asset.ip).where(Asset.id.in_(new))
            ):
                self._hosts[number] = part(exportlines.HOST, names)
        if new := {row.definition_id for row in found} - self._definitions.keys():
            self._definitions |= dict(self._told(connection, new))
        if new := {row.source_id for row in found} - self._sources.keys():
            for number, *names in connection.execute(
                select(Source.id, Source.scanner, Source.label).where(Source.id.in_(new))
            ):
                self._sources[number] = part(exportlines.SOURCE, names)
        # Imports move the days of sightings on, so they are those of the moment as well.
        seen = select(Sighting.id, type_coerce(Sighting.day, String))
        seen = seen.where(Sighting.id.in_({row.sighting_id for row in found}))
        self._days = {number: day for number, day in connection.execute(seen)}
        if self._has_evidence:  # they may be long, so that only those of the moment are held
            texts = select(Evidence.id, Evidence.text).where(Evidence.id.in_({row.evidence_id for row in found}))
            self._evidence = {number: part(exportlines.EVIDENCE, [text]) for number, text in connection.execute(texts)}
            self._evidence[None] = part(exportlines.EVIDENCE, [None])
        for protocol in {row.protocol for row in found} - self._protocols.keys():
            self._protocols[protocol] = part(exportlines.PROTOCOL, [protocol])

    def _told(self, connection: Connection, definitions: Collection[int]) -> Iterator[tuple[int, tuple[str, str]]]:
        part = self._lines.part
        cves = bounded.cves(connection, definitions, bounded.CVES)
        columns = (Definition.id, Definition.epss, Definition.key, Definition.title, Definition.family)
        for number, epss, *names in connection.execute(select(*columns).where(Definition.id.in_(definitions))):
            first, total = cves.get(number, ([], 0))
            more = [f"(+{total - len(first)})"] if total > len(first) else []
            told = part(exportlines.DEFINITION, [*names, first + more])
            yield number, (told, part(exportlines.EPSS, [epss]))
