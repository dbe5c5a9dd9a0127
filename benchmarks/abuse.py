"""What clients that flood the server cost those that do not.

Floods of each kind run in processes of their own beside an import whose events one client follows; another asks ``/health``.

    python -m benchmarks.abuse
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from tests.support.floods import FLOODS, flooded
from tests.support.generator import Estate, write
from tests.support.server import running

from .watching import measure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--mode", default="eventlet", choices=("eventlet", "threading"))
    options = parser.parse_args()
    print(f"{'flood':16}{'import':>10}{'longest silence':>18}{'health median':>16}{'health max':>12}{'memory':>10}")
    kinds = {"none": (), **{kind: (kind,) for kind in FLOODS}, "all at once": tuple(FLOODS), "none again": ()}
    with tempfile.TemporaryDirectory() as folder, running(ASYNC_MODE=options.mode) as server:
        path = Path(folder) / "scan.csv"
        with path.open("w", encoding="utf-8", newline="") as stream:
            write(stream, Estate(options.rows))
        measure(server, path)
        for name, floods in kinds.items():
            with flooded(server, floods):
                time.sleep(2)
                seen = measure(server, path)
            health = sorted(seen.answers["/health"])
            line = f"{name:16}{seen.took:>8.2f} s{seen.silence * 1000:>15.0f} ms{health[len(health) // 2] * 1000:>13.1f} ms"
            print(f"{line}{health[-1] * 1000:>9.1f} ms{server.memory():>7.0f} MB")


if __name__ == "__main__":
    main()
