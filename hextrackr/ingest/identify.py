"""Opens an upload: what its first bytes tell of how it is written, of which scanner it is, and of how much it holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sqlalchemy import Engine

from hextrackr.domain.models import Import
from hextrackr.errors import FileRefused

from . import dialect, duplicate_file, estimate, first_part, preamble, saved_mappings, scan_date, states
from .estimate import Standing
from .formats.format import Recognised
from .job import Job
from .scan_date import Said


@dataclass(frozen=True)
class Opened:
    """An upload that can be read.

    :ivar size: its bytes.
    :ivar dialect: how it is written; ``recognised`` by whom.
    :ivar first: its first rows; ``preamble`` what stands above its header.
    :ivar today: the day of the import.
    :ivar source_id: the source that it is about, and what is ``standing`` on record of that.
    :ivar fingerprint: see :func:`.duplicate_file.fingerprint`.
    """

    size: int
    dialect: dialect.Dialect
    recognised: Recognised
    first: list[list[str]]
    preamble: list[list[str]]
    today: date
    source_id: int
    standing: Standing
    fingerprint: str | None

    @property
    def rows(self) -> int:
        """About how many rows it has."""
        return estimate.rows(self.size, self.first)

    def day(self, record: Import) -> date:
        """What will probably be the date of the scan."""
        seen = scan_date.in_rows(self.first, self.recognised.places["last_seen"], self.today)
        said = self.said(newest=seen, day_first=self.recognised.format.day_first)
        return scan_date.choose(scan_date.of_form(record), said, record.filename, self.today).day

    def said(self, *, newest: date | None, started: date | None = None, day_first: bool) -> Said:
        """What the file says of the date of its scan, once what its rows say is known."""
        above = preamble.read(self.preamble, self.today, day_first=day_first)
        return Said(above.launched, started, newest, above.made, day_first)


def sample(upload: Path) -> tuple[bytes, int]:
    """The first bytes of a file, and its size.

    :raises FileRefused: it is gone.
    """
    try:
        with upload.open("rb") as stream:
            return stream.read(dialect.SAMPLE_BYTES), upload.stat().st_size
    except FileNotFoundError:
        raise FileRefused("The uploaded file is gone from the server's disk; please import it again.") from None


def opened(engine: Engine, job: Job, record: Import, sample: bytes, size: int) -> Opened:
    """See what the first bytes of an upload tell, and give its import the source that it is about.

    :raises FileRefused: it is nothing that can be read.
    :raises UnknownFormat: it is no scanner's.
    :raises MissingColumns: it lacks what the import cannot do without.
    :raises Cancelled: the import is not this attempt's own any more.
    """
    found, candidates = first_part.detected(sample, size, saved_mappings.formats(engine))
    first = dialect.rows(sample, found)
    recognised = first_part.chosen(engine, record.source_label, candidates, first)
    fingerprint = duplicate_file.fingerprint(record.digest, recognised, job.date_order)
    source_id = states.enter(engine, job, record, recognised, fingerprint)
    standing = estimate.standing(engine, source_id)
    above = dialect.preamble(sample, found)
    return Opened(size, found, recognised, first, above, date.today(), source_id, standing, fingerprint)
