"""An import into PostgreSQL beside ``COPY`` of the same file into one bare table of text, both into the same server, taking turns.

The import is the whole of it: from the answer to the upload until the last event, through a running server and its importer process.
A PostgreSQL of its own is started from the system's package, as it comes: its files are synced, nothing is turned off.

    python -m benchmarks.postgresql 100000
    python -m benchmarks.postgresql 1000000 --rounds 3
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from pathlib import Path
from statistics import median

import psycopg

from tests.support import databases, postgresql
from tests.support.generator import weeks
from tests.support.server import running

from .watching import measure

#: The scans that are imported, one after the other.
SCANS = ("first", "next")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=int)
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    report(options.rows, options.rounds)


def report(rows: int, rounds: int) -> None:
    """Measure, and print a line for each scan: medians of all rounds, and their range."""
    if postgresql.folder() is None:
        raise SystemExit("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    with tempfile.TemporaryDirectory(prefix="hextrackr-postgresql-") as folder:
        files = weeks(Path(folder), rows, *SCANS)
        bare: dict[str, list[float]] = {name: [] for name in SCANS}
        took: dict[str, list[float]] = {name: [] for name in SCANS}
        for _ in range(rounds):
            with postgresql.serving(**databases.RECOMMENDED) as database:
                name = database.create()
                with running(DATABASE_URL=database.url(name)) as server:
                    for scan_name, file in files.items():
                        bare[scan_name].append(_bare(database, file))
                        took[scan_name].append(measure(server, file, asked=()).took)
    print("rows | import | seconds | COPY | ratio\n---|---|---|---|---|")
    for name in SCANS:
        own, beside = median(took[name]), median(bare[name])
        print(
            f"{rows:,} | {name} | {own:.2f} ({_range(took[name])}) | {beside:.2f} ({_range(bare[name])}) | {own / beside:.2f}"
        )


def _range(seconds: list[float]) -> str:
    return f"{min(seconds):.1f} to {max(seconds):.1f}"


def _bare(database: postgresql.Server, file: Path) -> float:
    """Seconds that ``COPY`` takes for the file."""
    with file.open(encoding="utf-8", newline="") as stream:
        names = next(csv.reader(stream))
    columns = ", ".join(f'"{name}" TEXT' for name in names)
    with psycopg.connect(database.address("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE TABLE bare ({columns})")
        connection.execute("CHECKPOINT")
        began = time.monotonic()
        with connection.cursor().copy("COPY bare FROM STDIN (FORMAT csv, HEADER)") as copy, file.open("rb") as content:
            while piece := content.read(1 << 20):
                copy.write(piece)
        seconds = time.monotonic() - began
        connection.execute("DROP TABLE bare")
        connection.execute("CHECKPOINT")
    return seconds


if __name__ == "__main__":
    main()
