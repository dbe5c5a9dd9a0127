"""An import beside what the ``sqlite3`` shell needs to bring the same file into one bare table.

Both take turns on the same machine. The import is the whole of it: from the answer to the upload until the last event, through a
running server and its importer process. ``first`` goes into an empty database, ``anew`` brings the same scan in other bytes, ``again``
that very file once more, ``next`` a follow-up scan (10 % gone, 5 % new).

    python -m benchmarks.compare                           1,000, 10,000 and 100,000 rows
    python -m benchmarks.compare 1000000 --rounds 3
"""

from __future__ import annotations

import argparse
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from tests.support.generator import weeks
from tests.support.server import Server, running

from .watching import Seen, measure

#: Import -> the file that it takes.
IMPORTS = {"first": "first", "anew": "anew", "again": "anew", "next": "next"}
DATABASE = "hextrackr.sqlite3"
#: How long an importer process may take to make way for a fresh one, in seconds.
REST = 1.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=int, nargs="*", default=[1_000, 10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    report(options.rows, options.rounds)


def report(sizes: Sequence[int], rounds: int) -> None:
    """Measure imports of these sizes, and print a line for each."""
    if shutil.which("sqlite3") is None:
        raise SystemExit("the sqlite3 shell is not installed (Debian: apt-get install sqlite3)")
    print(" | ".join(_HEADINGS), "---|" * len(_HEADINGS), sep="\n")
    for rows in sizes:
        with tempfile.TemporaryDirectory(prefix="hextrackr-compare-") as folder:
            for cells in compare(rows, rounds, Path(folder)):
                print(" | ".join(cells), flush=True)


_HEADINGS = (
    "rows", "import", "seconds", "sqlite3 .import", "ratio", "bytes/finding", "peak MB", "progress error", "eta error", "first event ms",
    "longest silence ms",
)  # fmt: skip


def compare(rows: int, rounds: int, folder: Path) -> list[tuple[str, ...]]:
    """Measure imports of this size; the medians of all rounds, and the worst of what has a limit, as cells of a table."""
    files = weeks(folder, rows, *set(IMPORTS.values()))
    bare: dict[str, list[float]] = {name: [] for name in IMPORTS}
    seen: dict[str, list[Seen]] = {name: [] for name in IMPORTS}
    grown: dict[str, list[float]] = {name: [] for name in IMPORTS}
    for _ in range(rounds):
        with running() as server:
            empty = _size(server)
            for name, file in IMPORTS.items():
                bare[name].append(_bare(files[file], folder))
                time.sleep(REST)
                seen[name].append(measure(server, files[file], asked=()))
                grown[name].append((_size(server) - empty) / _findings(server))
    return [_cells(rows, name, bare[name], seen[name], median(grown[name])) for name in IMPORTS]


def _cells(rows: int, name: str, bare: list[float], seen: list[Seen], grown: float) -> tuple[str, ...]:
    took, beside = median(one.took for one in seen), median(bare)
    return (
        f"{rows:,}",
        name,
        f"{took:.2f}",
        f"{beside:.2f}",
        f"{took / beside:.2f}",
        f"{grown:.0f}",
        f"{max(one.memory for one in seen):.0f}",
        f"{max(one.progress_error for one in seen):.2f}",
        f"{max(one.eta_error for one in seen):.2f}",
        f"{max(one.first_event for one in seen) * 1000:.0f}",
        f"{max(one.silence for one in seen) * 1000:.0f}",
    )


def _bare(file: Path, folder: Path) -> float:
    """Seconds that the shell takes for the file."""
    database = folder / "bare.sqlite3"
    began = time.monotonic()
    command = ["sqlite3", "-cmd", "pragma journal_mode=wal", str(database), f".import --csv '{file}' bare"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    took = time.monotonic() - began
    for leftover in folder.glob("bare.sqlite3*"):
        leftover.unlink()
    return took


def _size(server: Server) -> int:
    """Bytes of the database, what is still in its log included."""
    return _asked(server, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")


def _findings(server: Server) -> int:
    return _asked(server, "SELECT count(*) FROM findings")


def _asked(server: Server, question: str) -> int:
    connection = sqlite3.connect(server.instance / DATABASE)
    try:
        return int(connection.execute(question).fetchone()[0])
    finally:
        connection.close()


if __name__ == "__main__":
    main()
