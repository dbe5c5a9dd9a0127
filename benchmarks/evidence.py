"""What it costs to keep the evidence of findings: one export with the output of plugins and without it, imported back to back.

    python -m benchmarks.evidence 1000000 --length 300 --distinct 0.5
    python -m benchmarks.evidence 1000000 --database postgresql

Each import runs in a process of its own, through the pipeline itself, into an empty database. The table says how long it took, how
much processor time (which other programs disturb less; what a server of PostgreSQL takes is not in it), what the sweep after it took,
and the peak memory of the process. ``--weeks 3`` imports the same findings again, with the same output and with another one.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
from sqlalchemy.orm import Session

from config import Config
from hextrackr.db import engines
from hextrackr.domain.models import Import, ImportState
from hextrackr.ingest import pipeline, staging
from hextrackr.ingest.attempt import Job
from hextrackr.progress.estimate import Meter
from tests.support import postgresql
from tests.support.databases import RECOMMENDED, migrate

#: About 60 findings on each host, and up to 8,000 plugins, as in :mod:`.exports`; made by DuckDB, which takes seconds for a million.
_ROWS = """
    SELECT format('{{:08x}}-0000-4000-8000-000000000001', host) AS "asset.id", 'srv-' || host AS "asset.name",
           'srv-' || host || '.corp.example.org' AS "asset.display_fqdn",
           '10.' || (host >> 16) || '.' || (host >> 8 & 255) || '.' || (host & 255) AS "asset.display_ipv4_address",
           plugin AS "definition.id", 'Library ' || plugin || ' < 1.' || plugin AS "definition.name",
           'CVE-2024-' || (10000 + plugin) AS "definition.cve", 'Misc.' AS "definition.family",
           repeat('The remote host has a version of the library that lacks an update. ', 6) || plugin AS "definition.description",
           'Upgrade to a fixed version.' AS "definition.solution", '2026-05-04T08:00:00.000Z' AS "first_observed",
           '2026-08-01T03:00:00.000Z' AS "last_seen", 443 + turn // {plugins} AS "port", 'TCP' AS "protocol",
           ['Low', 'Medium', 'High', 'Critical'][plugin % 4 + 1] AS "severity", 'ACTIVE' AS "state" {output}
    FROM (SELECT number, number % {hosts} AS host, number // {hosts} AS turn,
                 (number % {hosts} * 7 + number // {hosts}) % {plugins} AS plugin
          FROM (SELECT unnest(range({count})) AS number))
"""
_OUTPUT = """,
    left('Installed version : ' || number % {texts} + {seed} * {texts} || E'\\n'
         || repeat(md5(CAST(number % {texts} AS VARCHAR)) || ' ', {length} // 33 + 1), {length}) AS "output"
"""


def write(path: Path, count: int, length: int, distinct: float, seed: int) -> None:
    """Write an export whose outputs have ``length`` characters, of which a share is ``distinct``; without the column for 0.

    :param seed: another one gives other outputs.
    """
    sizes = {"count": count, "hosts": max(5, count // 60), "plugins": min(8000, max(20, count // 40))}
    texts = {"texts": max(1, int(count * distinct)), "seed": seed, "length": length}
    rows = _ROWS.format(**sizes, output=_OUTPUT.format(**texts) if length else "")
    with duckdb.connect(config={"preserve_insertion_order": True}) as connection:
        connection.execute(f"COPY ({rows}) TO '{path}' (HEADER, DELIMITER ',')")


def imported(url: str, folder: Path, path: Path, day: str) -> tuple[float, float, float]:
    """Import a file: the seconds it took, those of the processor, and those of the sweep after it."""
    engine = engines.open_database(url)
    with Session(engine) as session, session.begin():
        record = Import(
            session_id=str(uuid.uuid4()), filename=f"{day}.csv", file_size=path.stat().st_size, created_at=1,
            state=ImportState.READING, confirmed=True,
        )  # fmt: skip
        session.add(record)
        session.flush()
        number = record.id
    spill = folder / "spill"
    spill.mkdir(exist_ok=True)
    job = Job(number, 0, url, str(path), str(spill), Config().DUCKDB_MEMORY_LIMIT, 50)
    begun, cpu, step = time.monotonic(), time.process_time(), [""]

    def report(reading: object) -> None:
        if "-v" in sys.argv and (phase := str(getattr(reading, "message", ""))) != step[0]:
            step[0] = phase
            print(f"    {time.monotonic() - begun:6.1f} {time.process_time() - cpu:6.1f} {phase}", file=sys.stderr)

    pipeline.run(job, Meter(report, time.monotonic))
    ended, busy = time.monotonic(), time.process_time() - cpu
    staging.clean_up(engine)
    engine.dispose()
    return ended - begun, busy, time.monotonic() - ended


@contextmanager
def database(kind: str, folder: Path) -> Iterator[str]:
    """The URL of a migrated, empty database."""
    if kind == "sqlite":
        url = f"sqlite:///{folder / 'hextrackr.sqlite3'}"
        migrate(Config(INSTANCE_PATH=folder, DATABASE_URL=url))
        yield url
        return
    with postgresql.serving(**RECOMMENDED) as server:
        url = server.url(server.create())
        migrate(Config(INSTANCE_PATH=folder, DATABASE_URL=url))
        yield url


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=int)
    parser.add_argument("--length", type=int, default=300)
    parser.add_argument("--distinct", type=float, default=0.5)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--weeks", type=int, choices=(1, 2, 3), default=1)
    parser.add_argument("-v", action="store_true", help="say when each step begins")
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        url, folder, path, day = options.one
        took, cpu, swept = imported(url, Path(folder), Path(path), day)
        print(f"{took:.1f} {cpu:.1f} {swept:.1f} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f}")
        return
    with tempfile.TemporaryDirectory() as name:
        files = Path(name)
        scans = {"without": (0, 0), "with": (options.length, 0), "others": (options.length, 1)}
        for scan, (length, seed) in [*scans.items()][: 2 + options.weeks // 3]:
            write(files / f"{scan}.csv", options.rows, length, options.distinct, seed)
            print(f"{scan}: {(files / f'{scan}.csv').stat().st_size / 1e6:.0f} MB")
        for _ in range(options.repeat):
            for first in ("without", "with"):
                with tempfile.TemporaryDirectory() as folder, database(options.database, Path(folder)) as url:
                    last = "others" if first == "with" else first
                    steps = [(first, "2026-08-01"), (first, "2026-08-08"), (last, "2026-08-15")]
                    for scan, day in steps[: options.weeks]:
                        _measure(options, url, folder, files / f"{scan}.csv", day)


def _measure(options: argparse.Namespace, url: str, folder: str, path: Path, day: str) -> None:
    command = [sys.executable, "-m", "benchmarks.evidence", "0", *(["-v"] if options.v else [])]
    done = subprocess.run(
        [*command, "--one", url, folder, str(path), day], check=True, stdout=subprocess.PIPE, text=True
    )
    took, cpu, swept, peak = done.stdout.split()
    print(
        f"{options.database} {path.stem:8} {day}: {took:>6} s, {cpu:>6} s of a processor, sweep {swept:>5} s, peak {peak:>5} MB",
        flush=True,
    )


if __name__ == "__main__":
    main()
