"""A simple model of the rules of the lifecycle, with which the program must agree."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date

from hextrackr.domain.models import ImportMode
from hextrackr.domain.verdicts import FIXED, NO_VERDICT, PASSED, RESURFACED

#: Host, plugin, port.
Key = tuple[str, str, int]


@dataclass(frozen=True)
class Row:
    """The row of a finding in a scan; ``vpr`` may be missing."""

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
    """One source: its findings, and the days and modes of its scans."""

    findings: dict[Key, Finding] = field(default_factory=dict)
    scans: list[tuple[date, ImportMode]] = field(default_factory=list)

    def take(self, day: date, mode: ImportMode, rows: dict[Key, Row]) -> None:
        if not rows:
            return
        if self.scans and day < max(self.scans)[0]:
            self._take_late(day, mode, rows)
        else:
            self._take_newest(day, mode, rows)
        self.scans.append((day, mode))

    def merge(self, other: PlainSource) -> None:
        """Take over what another source has, as if both had been one from the beginning."""
        is_newer = bool(other.scans) and (not self.scans or max(other.scans)[0] > max(self.scans)[0])
        for key, theirs in other.findings.items():
            mine = self.findings.get(key)
            self.findings[key] = theirs if mine is None else _as_one(mine, theirs, is_newer)
        self.scans += other.scans

    def _take_newest(self, day: date, mode: ImportMode, rows: dict[Key, Row]) -> None:
        hosts = {host for host, _, _ in rows}
        for key, row in rows.items():
            existing = self.findings.get(key)
            if existing is not None:
                self.findings[key] = self._seen_again(existing, day, row)
            elif row.state not in (PASSED, NO_VERDICT):
                self.findings[key] = self._new(day, row)
        if mode == ImportMode.DELTA or all(row.state in (FIXED, PASSED, NO_VERDICT) for row in rows.values()):
            return
        for key, finding in self.findings.items():
            if key not in rows and finding.is_open and (mode == ImportMode.FULL or key[0] in hosts):
                self.findings[key] = replace(finding, lifecycle="resolved", resolved_on=day)

    def _new(self, day: date, row: Row) -> Finding:
        if row.state == FIXED:
            return Finding(row.severity, row.vpr, "resolved", day, day, day)
        return Finding(row.severity, row.vpr, "reopened" if row.state == RESURFACED else "active", day, day)

    def _seen_again(self, existing: Finding, day: date, row: Row) -> Finding:
        if row.state == NO_VERDICT:
            return existing
        vpr = existing.vpr if row.vpr is None else row.vpr
        if row.state in (FIXED, PASSED):
            if not existing.is_open:
                return existing
            return replace(existing, severity=row.severity, vpr=vpr, lifecycle="resolved", resolved_on=day)
        lifecycle = "reopened" if not existing.is_open or row.state == RESURFACED else existing.lifecycle
        return Finding(row.severity, vpr, lifecycle, existing.first_seen, day)

    def _take_late(self, day: date, mode: ImportMode, rows: dict[Key, Row]) -> None:
        """Resolve new findings by the first later scan that looked: a full one after a full one, else one that saw the host."""
        full = [other for other, looked in self.scans if other > day and looked == ImportMode.FULL]
        hosts = [other for other, looked in self.scans if other > day and looked != ImportMode.DELTA]
        before = dict(self.findings)
        for key, row in rows.items():
            known = before.get(key)
            if known is None and row.state not in (PASSED, NO_VERDICT):
                self.findings[key] = found = self._new(day, row)
                if not found.is_open:
                    continue
                if mode == ImportMode.FULL and full:
                    self.findings[key] = replace(found, lifecycle="resolved", resolved_on=min(full))
                elif hosts and any(of[0] == key[0] and other.last_seen >= min(hosts) for of, other in before.items()):
                    self.findings[key] = replace(found, lifecycle="resolved", resolved_on=min(hosts))
            elif known is not None and day < known.first_seen and row.state > 0:
                self.findings[key] = replace(known, first_seen=day)


def _as_one(mine: Finding, theirs: Finding, is_newer: bool) -> Finding:
    """The state is that of the one that was looked at last: seen, or found to be gone. On one day: open, then of the newer source."""

    def looked(finding: Finding) -> tuple[date, bool, bool]:
        day = max(finding.last_seen, finding.resolved_on or finding.last_seen)
        return day, finding.is_open, is_newer == (finding is theirs)

    tells, other = (theirs, mine) if looked(theirs) > looked(mine) else (mine, theirs)
    return replace(
        tells,
        vpr=other.vpr if tells.vpr is None else tells.vpr,
        first_seen=min(mine.first_seen, theirs.first_seen),
        last_seen=max(mine.last_seen, theirs.last_seen),
    )
