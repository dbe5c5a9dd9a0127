"""Open an upload: find out from its first bytes its dialect, its scanner, and its approximate number of rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sqlalchemy import Engine

from hextrackr.domain.models import Import
from hextrackr.errors import FileRefused

from . import attempt, dialect, duplicate_file, estimate, recognition, saved_mappings, scan_date
from .attempt import Job
from .estimate import SourceState
from .formats.format import Recognised
from .scan_date import ScanDates


@dataclass(frozen=True)
class Opened:
    """An upload that can be read.

    :ivar size: its size in bytes.
    :ivar dialect: how it is written; ``recognised`` is its format.
    :ivar first: its first rows; ``preamble`` the lines above its header.
    :ivar today: the day of the import.
    :ivar source_id: its source; ``before`` is the state of that source before the import.
    :ivar fingerprint: see :func:`.duplicate_file.fingerprint`.
    """

    size: int
    dialect: dialect.Dialect
    recognised: Recognised
    first: list[list[str]]
    preamble: list[list[str]]
    today: date
    source_id: int
    before: SourceState
    fingerprint: str | None

    @property
    def rows(self) -> int:
        """Its approximate number of rows."""
        return estimate.rows(self.size, self.first)

    def day(self, record: Import) -> date:
        """The probable date of the scan."""
        seen = scan_date.in_rows(self.first, self.recognised.places["last_seen"], self.today)
        found = self.scan_dates(newest=seen, day_first=self.recognised.format.day_first)
        return scan_date.choose(scan_date.of_form(record), found, record.filename, self.today).day

    def scan_dates(self, *, newest: date | None, started: date | None = None, day_first: bool) -> ScanDates:
        """The dates in the file that may date the scan: those of its rows, which are given, and those of its preamble."""
        above = scan_date.read_preamble(self.preamble, self.today, day_first=day_first)
        return ScanDates(above.launched, started, newest, above.made, day_first)


def sample(upload: Path) -> tuple[bytes, int]:
    """The first bytes of a file, and its size.

    :raises FileRefused: the file no longer exists.
    """
    try:
        with upload.open("rb") as stream:
            return stream.read(dialect.SAMPLE_BYTES), upload.stat().st_size
    except FileNotFoundError:
        raise FileRefused("The uploaded file no longer exists on the server; please upload it again.") from None


def opened(engine: Engine, job: Job, record: Import, sample: bytes, size: int) -> Opened:
    """Recognise an upload from its first bytes, and assign its source to the import.

    :raises FileRefused: it cannot be read.
    :raises UnknownFormat: it is not the export of a supported scanner.
    :raises MissingColumns: it lacks required columns.
    :raises Cancelled: another attempt has taken over the import.
    """
    found, candidates = recognition.detected(sample, size, saved_mappings.formats(engine))
    first = dialect.rows(sample, found)
    recognised = recognition.chosen(engine, record.source_label, candidates, first)
    fingerprint = duplicate_file.fingerprint(record.digest, recognised, job.date_order)
    source_id = attempt.enter(engine, job, record, recognised, fingerprint)
    before = estimate.source_state(engine, source_id)
    above = dialect.preamble(sample, found)
    return Opened(size, found, recognised, first, above, date.today(), source_id, before, fingerprint)
