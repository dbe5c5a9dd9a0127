"""What an import costs, and what it does to everybody else meanwhile.

Starts a real server, uploads generated exports, and watches from outside: a socket client takes down when each event arrives,
a process of its own asks ``/health`` every 50 ms, another adds up the memory of all server processes.

    python -m benchmarks.live                  100,000 rows: first import, the same again, a follow-up scan
    python -m benchmarks.live --rows 1000000
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from .exports import Estate, write
from .server import running
from .watching import Seen, measure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    options = parser.parse_args()
    estate = Estate(options.rows)
    scans = {
        "first import": {"day": "2026-08-01"},
        "the same again": {"day": "2026-08-01"},
        "follow-up": {"day": "2026-08-08", "gone": 0.1, "new": 0.05},
    }
    with tempfile.TemporaryDirectory(prefix="hextrackr-exports-") as folder, running() as server:
        time.sleep(2)  # the importer process warms up beside the server
        rows: list[dict[str, str]] = []
        for name, scan in scans.items():
            path = Path(folder) / "scan.csv"
            with path.open("w", encoding="utf-8", newline="") as stream:
                write(stream, estate, **scan)  # type: ignore[arg-type]
            rows.append({"": name, **_told(measure(server, path))})
            time.sleep(2)
    _print(rows)


def _told(seen: Seen) -> dict[str, str]:
    """What was seen, as texts by name."""
    return {
        "upload": f"{seen.upload:.2f} s",
        "answer after last byte": f"{seen.answer * 1000:.0f} ms",
        "import": f"{seen.took:.2f} s",
        "first event": f"{seen.first_event * 1000:.0f} ms",
        "longest silence": f"{seen.silence * 1000:.0f} ms",
        "progress error": f"{seen.progress_error:.2f}",
        "health max": f"{max(seen.health) * 1000:.0f} ms",
        "health median": f"{sorted(seen.health)[len(seen.health) // 2] * 1000:.1f} ms",
        "peak memory": f"{seen.memory:.0f} MB",
        "outcome": " ".join(str(seen.outcome.get(name)) for name in ("inserted", "updated", "resolved", "unchanged")),
    }


def _print(rows: list[dict[str, str]]) -> None:
    for name in rows[0]:
        print(f"{name:24}" + "".join(f"{row[name]:>24}" for row in rows))


if __name__ == "__main__":
    main()
