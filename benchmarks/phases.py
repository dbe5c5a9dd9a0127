"""Measures what the phases of an import take on each database, and writes the weights from which the bar foresees them.

    python -m benchmarks.phases                                 writes hextrackr/ingest/phase_weights.toml
    python -m benchmarks.phases --rows 100000 --show            prints them instead, with each phase as it was and as it is foreseen

For each database and each size an export goes through the pipeline itself: into an empty record, the same in another order and in other
bytes, the same of another day, a follow-up scan, an export with evidence of its own for each finding, one of another source; and the copy
for the lists is brought up to date each time. The weights of a phase are those (none below zero) with which its units foresee these
times best, each import counted by its share of the whole. Run it where nothing else does.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from config import Config
from hextrackr.db import engines
from hextrackr.domain import undo
from hextrackr.domain.models import Import, ImportState
from hextrackr.ingest import estimate, pipeline, staging
from hextrackr.ingest.attempt import Job
from hextrackr.ingest.estimate import PER, Work
from hextrackr.jobs import snapshots
from hextrackr.progress.estimate import Meter, Phase, Reading
from hextrackr.readmodel.client import Reader
from tests.support.generator import Estate, write

from . import evidence

#: By what each phase is foreseen, besides its constant.
UNITS = {
    "recognise": (),
    "rows": ("kilobytes", "rows"),
    "deduplicate": ("rows",),
    "stage": ("findings",),
    "definitions": ("kilobytes", "texts"),
    "describe": ("subjects", "texts"),
    "upsert": ("subjects", "linked", "texts"),
    "backdated": ("backdated",),
    "compare": ("compared",),
    "absent": ("compared",),
    "apply": ("compared", "seen_again", "changed"),
    "evidence": ("compared",),
    "restate": ("restated",),
    "insert": ("new", "compared"),
    "totals": ("compared", "new", "changed"),
    "commit": ("new", "changed", "seen_again", "restated"),
    "refresh": ("new", "changed", "seen_again", "restated", "backdated", "subjects", "texts"),
    "undo": ("findings", "new", "changed"),
}
#: The share of the refresh that is expected. It is multiplied with the pace of the importer, as measured while it reads the file; but the
#: reader has a core for itself.
REFRESH_SHARE = 0.8
#: A unit of which no import has so many tells nothing of what it takes.
FEWEST = 1_000
_HEAD = """\
# What the phases of an import take on each database: seconds, a constant and so much for 100,000 of each unit (see phase_weights.py).
# Written by python -m benchmarks.phases.
"""


@dataclass(frozen=True)
class Seen:
    """An import as it was: what there was to do, and how many seconds each phase took."""

    name: str
    work: Work
    took: dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--databases", nargs="+", choices=("sqlite", "postgresql"), default=["sqlite", "postgresql"])
    parser.add_argument("--show", action="store_true", help="write nothing, and show how well each phase is foreseen")
    options = parser.parse_args()
    table = {name: estimate.weights(name) for name in ("sqlite", "postgresql")}
    with tempfile.TemporaryDirectory(prefix="hextrackr-phases-") as name:
        folder = Path(name)
        for database in options.databases:
            seen = []
            for rows, _ in itertools.product(options.rows, range(options.rounds)):
                for one in imports(database, folder, rows):
                    seen.append(one)
                    print(f"{database} {one.name}: {sum(one.took.values()):.2f} s, {one.work}", flush=True)
            table[database] = {phase: fitted(phase, seen) for phase in UNITS}
            if options.show:
                _show(database, seen, table[database])
            refresh = table[database]["refresh"]
            table[database]["refresh"] = {unit: REFRESH_SHARE * weight for unit, weight in refresh.items()}
    text = _HEAD + "".join(_lines(table))
    if options.show:
        print(text)
    else:
        estimate.TABLE.write_text(text, encoding="utf-8")


def imports(database: str, folder: Path, rows: int) -> Iterator[Seen]:
    """Measure one import after the other into one record."""
    scans: dict[str, dict[str, float | str]] = {
        "first": {"day": "2026-08-01"},
        "anew": {"day": "2026-08-01", "exported": 1},
        "again": {"day": "2026-08-08", "exported": 1},
        "backdated": {"day": "2026-07-25", "gone": 0.05, "new": 0.05},
        "next": {"day": "2026-08-15", "exported": 1, "gone": 0.1, "new": 0.05},
        "another": {"day": "2026-08-01"},
        "texts": {},
    }
    with prepared(database, folder) as (url, instance):
        engine = engines.open_database(url)
        with closing(Reader(url, instance / "lists", memory_limit="192MB", seconds=60)) as reader:
            reader.refresh()
            for name, scan in scans.items():
                path, source = folder / "scan.csv", name if name in ("another", "texts") else ""
                size = rows // 3 if source else rows
                if name == "texts":
                    evidence.write(path, size, length=300, distinct=0.5, seed=0)
                else:
                    with path.open("w", encoding="utf-8", newline="") as stream:
                        write(stream, Estate(size), **scan)
                yield measured(name, engine, url, instance, path, reader, source)
                if name == "next":
                    yield undone(engine, url)
                    reader.refresh()
        engine.dispose()


def measured(name: str, engine: Engine, url: str, instance: Path, path: Path, reader: Reader, source: str) -> Seen:
    """Import a file, and return how long its phases took."""
    with Session(engine) as session, session.begin():
        record = Import(
            session_id=str(uuid.uuid4()), filename=path.name, file_size=path.stat().st_size, created_at=1,
            state=ImportState.READING, source_label=source, confirmed=True,
        )  # fmt: skip
        session.add(record)
        session.flush()
        number = record.id
    began: dict[str, float] = {}
    plans: list[Work] = []

    def report(reading: Reading) -> None:
        began.setdefault(reading.metadata.get("phase", "recognise"), time.monotonic())

    (instance / "spill").mkdir(exist_ok=True)
    job = Job(number, 0, url, str(path), str(instance / "spill"), Config().DUCKDB_MEMORY_LIMIT, 50, lists=True)
    with _noting(plans):
        pipeline.run(job, Meter(report, time.monotonic))
    began["refresh"] = time.monotonic()
    reader.refresh()
    ended = time.monotonic()
    staging.clean_up(engine)
    order = sorted(began, key=lambda phase: began[phase])
    took = {
        phase: later - began[phase]
        for phase, later in zip(order, [*(began[phase] for phase in order[1:]), ended], strict=True)
    }
    return Seen(name, plans[-1], took)


def undone(engine: Engine, url: str) -> Seen:
    """Undo the latest import, and return how long that took."""
    with Session(engine) as session:
        record = session.scalars(select(Import).order_by(Import.id.desc()).limit(1)).one()
        number, figures = record.id, snapshots.figures(record)
    began = time.monotonic()
    with engines.opened(url) as opened:
        undo.undo_import(opened, number)
    took = time.monotonic() - began
    staging.clean_up(engine)
    return Seen("undo", estimate.undone(figures), {"undo": took})


@contextmanager
def _noting(plans: list[Work]) -> Iterator[None]:
    """Note what each plan is made for: the last one of an import knows all."""
    make = estimate.phases

    def note(database: str, work: Work, *, asks: bool = False, lists: bool = True) -> list[Phase]:
        plans.append(work)
        return make(database, work, asks=asks, lists=lists)

    estimate.phases = note
    try:
        yield
    finally:
        estimate.phases = make


def fitted(phase: str, seen: Sequence[Seen]) -> dict[str, float]:
    """The weights of a phase: least squares, none below zero, one after the other until none changes any more."""
    units = ("constant", *UNITS[phase])
    weights = dict.fromkeys(units, 0.0)
    rows = []
    for one in seen:
        if ("undo" in one.took) != (phase == "undo"):
            continue
        share = 1 / sum(one.took.values())
        values = [1.0, *(asdict(one.work)[unit] / PER for unit in UNITS[phase])]
        rows.append(([share * value for value in values], share * one.took.get(phase, 0.0)))
    seldom = [unit for unit in UNITS[phase] if all(asdict(one.work)[unit] < FEWEST for one in seen)]
    for _ in range(3_000):
        for place, unit in enumerate(units):
            weight = sum(values[place] ** 2 for values, _ in rows)
            if weight == 0 or unit in seldom:
                continue
            rest = sum(
                values[place] * (took - sum(weights[name] * value for name, value in zip(units, values, strict=True)))
                for values, took in rows
            )
            weights[unit] = max(0.0, weights[unit] + rest / weight)
    return weights


@contextmanager
def prepared(database: str, folder: Path) -> Iterator[tuple[str, Path]]:
    """The URL of a migrated, empty database, and its data folder."""
    with tempfile.TemporaryDirectory(dir=folder) as name, evidence.database(database, Path(name)) as url:
        yield url, Path(name)


def _lines(table: dict[str, dict[str, dict[str, float]]]) -> Iterator[str]:
    for database, phases in table.items():
        for phase in UNITS:
            yield f"\n[{database}.{phase}]\n"
            yield from (
                f"{unit} = {weight:.4f}\n"
                for unit, weight in phases[phase].items()
                if weight >= 0.00005 or unit == "constant"
            )


def _show(database: str, seen: Sequence[Seen], weights: dict[str, dict[str, float]]) -> None:
    for one in seen:
        total = sum(one.took.values())
        print(f"{database} {one.name}: {total:.2f} s, and as foreseen")
        units = asdict(one.work)
        for phase in UNITS:
            weight = weights[phase]
            foreseen = weight["constant"] + sum(weight.get(unit, 0.0) * count / PER for unit, count in units.items())
            took = one.took.get(phase, 0.0)
            print(f"    {phase:12} {took:7.3f} {foreseen:7.3f}  {(foreseen - took) / total:+.3f}")


if __name__ == "__main__":
    main()
