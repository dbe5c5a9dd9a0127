"""What an import does to everybody else meanwhile: how late the event loop is, how soon updates arrive, how pages and API answer.

python -m benchmarks.live                  100,000 rows: a first import, the same scan exported anew, a follow-up
python -m benchmarks.live --rows 1000000
python -m benchmarks.live --busy 2 --niceness 0 3 5 10      beside programs that keep a core busy each: what giving way costs and brings
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from statistics import median
from urllib.request import Request, urlopen

from config import Config
from tests.support.generator import weeks
from tests.support.server import Server, running

from .watching import PATHS, Seen, busy, idle, measure

#: Import -> its scan.
IMPORTS = {"first import": "first", "the same anew": "anew", "follow-up": "next"}
IDLE_SECONDS = 5.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--busy", type=int, default=0)
    parser.add_argument("--niceness", type=int, nargs="+", default=[Config().IMPORTER_NICENESS])
    options = parser.parse_args()
    for niceness in options.niceness:
        with busy(options.busy):
            report(options.rows, niceness)


def report(rows: int, niceness: int = Config().IMPORTER_NICENESS) -> None:
    """Measure, and print a line for each import; after the first, answers are compared with what they took with the record filled."""
    print(
        "rows | niceness | import | seconds | tick late p99 ms | tick late max ms | update p99 ms |"
        + " | ".join(f" {path} x idle" for path in PATHS)
    )
    print("---|" * (7 + len(PATHS)))
    with (
        tempfile.TemporaryDirectory(prefix="hextrackr-exports-") as folder,
        running(app="tests.support.instrumented_app:app", IMPORTER_NICENESS=str(niceness)) as server,
    ):
        files = weeks(Path(folder), rows, *IMPORTS.values())
        time.sleep(2)  # the importer process warms up beside the server
        urlopen(Request(f"{server.url}/benchmark/ticker", method="POST")).read()
        for name, scan in IMPORTS.items():
            before = idle(server, IDLE_SECONDS)
            _late(server)
            seen = measure(server, files[scan])
            cells = (f"{rows:,}", str(niceness), name, f"{seen.took:.1f}", *_cells(seen, before, _late(server)))
            print(" | ".join(cells), flush=True)
            time.sleep(2)


def _cells(seen: Seen, before: dict[str, list[float]], late: list[float]) -> tuple[str, ...]:
    return (
        f"{_p99(late):.1f}",
        f"{max(late):.1f}",
        f"{_p99(seen.delays):.1f}",
        *(f"{median(seen.answers[path]) / median(before[path]):.2f}" for path in PATHS),
    )


def _p99(values: list[float]) -> float:
    return sorted(values)[len(values) * 99 // 100]


def _late(server: Server) -> list[float]:
    """How late the ticks were since this was last asked, in ms."""
    answer: dict[str, list[float]] = json.loads(urlopen(f"{server.url}/benchmark/ticker").read())
    return answer["late"]


if __name__ == "__main__":
    main()
