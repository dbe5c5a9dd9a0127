"""Findings as a file, streamed: in batches, each short enough that the event loop serves others in between.

All of it is of one moment, whatever is imported, undone, cleared or restored meanwhile: one transaction reads from the first row to the
last. That must not last for as long as a slow client takes, as neither database can let go of what it still sees. So a green thread writes
the file as fast as it can to one without a name, and what is there of it goes to the client.

What is said of hosts and definitions is read once and kept, so that memory grows with these and not with the findings. The findings come
in the order in which they came on record.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from io import FileIO
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Select, String, func, select, type_coerce
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from hextrackr.db.error_mapping import error_from_exception
from hextrackr.db.hints import by_id
from hextrackr.db.matching import Among
from hextrackr.domain.models import Asset, Definition, Evidence, Finding, Sighting, Source
from hextrackr.errors import HexTrackrError, Interrupted

from . import bounded_answers, export_lines, leads
from .filters import Filters

#: Findings of a piece, and those that are looked at for it when nothing leads to them; few of them may match.
_FOUND, _SPAN = 1_000, 2_000
#: So many files are written at once; each holds a connection to the database meanwhile.
_AT_ONCE = threading.BoundedSemaphore(4)
#: Seconds between two looks at whether there is more of a file, or a turn to write one.
_LOOK = 0.01
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

    :param kind: one of :data:`hextrackr.web.export_lines.KINDS`.
    :param evidence: have the evidence of each finding in it as well.
    :param folder: where the file is written.
    :param start_task: starts a background task in the server's async mode; ``sleep`` waits in it (seconds).
    :ivar share: how much of the record has been gone through, 0..1; and ``findings``, how many of it are in the file.
    """

    def __init__(
        self,
        engine: Engine,
        filters: Filters,
        kind: str,
        *,
        evidence: bool = False,
        folder: Path,
        start_task: Callable[..., Any],
        sleep: Callable[[float], Any],
    ) -> None:
        self._engine = engine
        self._filters = filters
        self._lines: export_lines.Lines = export_lines.KINDS[kind]()
        self._has_evidence = evidence
        self._evidence: dict[int | None, str] = {}
        self._folder = folder
        self._start_task = start_task
        self._sleep = sleep
        self._pieces: deque[tuple[int, float, int]] = deque()
        self._is_over = self._is_given_up = self._is_complete = False
        self._error: BaseException | None = None
        self._hosts: dict[int, str] = {}
        self._definitions: dict[int, tuple[str, str]] = {}
        self._sources: dict[int, str] = {}
        self._protocols: dict[str, str] = {}
        self._days: dict[int, str] = {}
        self.share = 0.0
        self.findings = 0

    def text(self) -> Iterator[bytes]:
        """The file, in pieces of many lines.

        :raises HexTrackrError: it cannot be read, or there is no space for it; what was sent is not the whole file.
        """
        with tempfile.TemporaryFile(dir=self._folder) as file:
            place = 0
            try:
                self._start_task(self._write, os.fdopen(os.dup(file.fileno()), "wb", buffering=0))
                while not self._is_over or self._pieces:
                    if not self._pieces:
                        self._sleep(_LOOK)
                        continue
                    size, self.share, self.findings = self._pieces.popleft()
                    yield os.pread(file.fileno(), size, place)
                    place += size
                    self._sleep(0)
            finally:
                self._is_given_up = True
            if self._error is not None:
                raise error_from_exception(self._error) from self._error
            if not self._is_complete:
                raise Interrupted("The file was not written to its end.")

    def _write(self, file: FileIO) -> None:
        """Write the file once it is its turn, until it is complete or nobody wants it any more."""
        try:
            with file:
                while not _AT_ONCE.acquire(blocking=False):
                    self._sleep(_LOOK)
                try:
                    self._write_to(file)
                finally:
                    _AT_ONCE.release()
        except (SQLAlchemyError, HexTrackrError, OSError, ValueError) as error:
            self._error = error  # raised where the client is answered
        finally:
            self._is_over = True

    def _write_to(self, file: FileIO) -> None:
        with self._engine.connect() as connection:
            for text, share, findings in self._written(connection):
                if self._is_given_up:
                    return
                if text:
                    rest = memoryview(data := text.encode())
                    while rest:
                        rest = rest[file.write(rest) :]
                    self._pieces.append((len(data), share, findings))
                self._sleep(0)

    def _written(self, connection: Connection) -> Iterator[tuple[str, float, int]]:
        """The pieces; how much of the record has been gone through with each, and how many findings are in the file."""
        lines, findings = self._lines, 0
        yield lines.headed(export_lines.EVIDENCE) if self._has_evidence else lines.opening, 0.0, 0
        separator = lines.before_first
        for share, statement in self._batches(connection):
            found = connection.execute(statement).all()
            findings += len(found)
            text = ""
            if found:
                self._learn(connection, found)
                text = separator + lines.separator.join(self._line(row) for row in found)
                separator = lines.separator
            yield text, share, findings
        self._is_complete = True
        yield lines.closing, 1.0, findings

    def _batches(self, connection: Connection) -> Iterator[tuple[float, Select[Any]]]:
        """What finds each, and how much has been gone through with it."""
        columns = (*_OWN, *_REFERRING)
        filters = self._filters.looked_up(connection, lambda: self._sleep(0))
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
                self._hosts[number] = part(export_lines.HOST, names)
        if new := {row.definition_id for row in found} - self._definitions.keys():
            self._definitions |= dict(self._told(connection, new))
        if new := {row.source_id for row in found} - self._sources.keys():
            for number, *names in connection.execute(
                select(Source.id, Source.scanner, Source.label).where(Source.id.in_(new))
            ):
                self._sources[number] = part(export_lines.SOURCE, names)
        seen = select(Sighting.id, type_coerce(Sighting.day, String))
        seen = seen.where(Sighting.id.in_({row.sighting_id for row in found}))
        self._days = {number: day for number, day in connection.execute(seen)}
        if self._has_evidence:  # they may be long, so that only those of the moment are held
            texts = select(Evidence.id, Evidence.text).where(Evidence.id.in_({row.evidence_id for row in found}))
            self._evidence = {number: part(export_lines.EVIDENCE, [text]) for number, text in connection.execute(texts)}
            self._evidence[None] = part(export_lines.EVIDENCE, [None])
        for protocol in {row.protocol for row in found} - self._protocols.keys():
            self._protocols[protocol] = part(export_lines.PROTOCOL, [protocol])

    def _told(self, connection: Connection, definitions: Collection[int]) -> Iterator[tuple[int, tuple[str, str]]]:
        part = self._lines.part
        cves = bounded_answers.cves(connection, definitions, bounded_answers.CVES)
        columns = (Definition.id, Definition.epss, Definition.key, Definition.title, Definition.family)
        for number, epss, *names in connection.execute(select(*columns).where(Definition.id.in_(definitions))):
            first, total = cves.get(number, ([], 0))
            more = [f"(+{total - len(first)})"] if total > len(first) else []
            told = part(export_lines.DEFINITION, [*names, first + more])
            yield number, (told, part(export_lines.EPSS, [epss]))
