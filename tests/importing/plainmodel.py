"""The rules of the lifecycle, as plain as they can be told: what the program must agree with."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date

from hextrackr.importing.formats.format import FIXED, PASSED, RESURFACED
from hextrackr.models.imports import ImportMode

#: Host, plugin, port.
Key = tuple[str, str, int]


@dataclass(frozen=True)
class Row:
    """What a scan says of a finding; ``vpr`` may be left out."""

    severity: int
    state: int
    vpr: float | None = None


@dataclass(frozen=True)
class Finding:
    severity: int
    vpr: float | None
    lifecycle: str
    first_seen: date
    last_seen: date
    resolved_on: date | None = None

    @property
    def is_open(self) -> bool:
        return self.lifecycle != "resolved"


@dataclass
class PlainSource:
    """One source: its findings, and the days of the scans that it was made of."""

    findings: dict[Key, Finding] = field(default_factory=dict)
    days: list[date] = field(default_factory=list)

    def take(self, day: date, mode: ImportMode, rows: dict[Key, Row]) -> None:
        if not rows:
            return
        if self.days and day < max(self.days):
            self._take_late(day, rows)
        else:
            self._take_newest(day, mode, rows)
        self.days.append(day)

    def _take_newest(self, day: date, mode: ImportMode, rows: dict[Key, Row]) -> None:
        hosts = {host for host, _, _ in rows}
        for key, row in rows.items():
            known = self.findings.get(key)
            if known is not None:
                self.findings[key] = self._seen_again(known, day, row)
            elif row.state != PASSED:
                self.findings[key] = self._new(day, row)
        if mode == ImportMode.DELTA or all(row.state in (FIXED, PASSED) for row in rows.values()):
            return
        for key, finding in self.findings.items():
            if key not in rows and finding.is_open and (mode == ImportMode.FULL or key[0] in hosts):
                self.findings[key] = replace(finding, lifecycle="resolved", resolved_on=day)

    def _new(self, day: date, row: Row) -> Finding:
        if row.state == FIXED:
            return Finding(row.severity, row.vpr, "resolved", day, day, day)
        return Finding(row.severity, row.vpr, "reopened" if row.state == RESURFACED else "active", day, day)

    def _seen_again(self, known: Finding, day: date, row: Row) -> Finding:
        vpr = known.vpr if row.vpr is None else row.vpr
        if row.state in (FIXED, PASSED):
            if not known.is_open:
                return known
            return replace(known, severity=row.severity, vpr=vpr, lifecycle="resolved", resolved_on=day)
        lifecycle = "reopened" if not known.is_open or row.state == RESURFACED else known.lifecycle
        return Finding(row.severity, vpr, lifecycle, known.first_seen, day)

    def _take_late(self, day: date, rows: dict[Key, Row]) -> None:
        closed = min(other for other in self.days if other > day)
        for key, row in rows.items():
            known = self.findings.get(key)
            if known is None and row.state == PASSED:
                continue
            if known is None:
                end = day if row.state == FIXED else closed
                self.findings[key] = Finding(row.severity, row.vpr, "resolved", day, day, end)
            elif day < known.first_seen and row.state not in (FIXED, PASSED):
                self.findings[key] = replace(known, first_seen=day)
