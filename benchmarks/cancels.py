"""How long a cancel takes: from the request until the last event has arrived, and until the API has answered.

An import of each round is cancelled at a share of the time that an undisturbed one takes, so that every stage is met.

    python -m benchmarks.cancels                            200,000 rows, 10 cancels
    python -m benchmarks.cancels --rows 1000000 --rounds 20
"""

from __future__ import annotations

import argparse
import http.client
import json
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from tests.support.generator import Estate, write
from tests.support.server import Server, running

from .watching import Watch, joined, measure, upload


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hextrackr-cancels-") as folder, running() as server:
        scan = Path(folder) / "scan.csv"
        with scan.open("w", encoding="utf-8", newline="") as stream:
            write(stream, Estate(options.rows))
        whole = measure(server, scan, asked=(), source="whole").took
        met = list(_cancelled(server, scan, whole, options.rounds))
    print(
        "rows | cancelled while | cancels | answer ms, median | last event ms, median | last event ms, worst\n---|---|---|---|---|---|"
    )
    for step in sorted({step for step, _, _ in met}):
        answers = [answer for other, answer, _ in met if other == step]
        events = [event for other, _, event in met if other == step]
        cells = (f"{len(events)}", f"{median(answers):.0f}", f"{median(events):.0f}", f"{max(events):.0f}")
        print(f"{options.rows:,} | {step} | " + " | ".join(cells))


def _cancelled(server: Server, scan: Path, whole: float, rounds: int) -> Iterator[tuple[str, float, float]]:
    """The step that each cancel met, and the ms until its answer and until the last event; those that came too late are left out."""
    for number in range(rounds):
        session, watch = str(uuid.uuid4()), Watch()
        client = joined(server, session, watch)
        upload(server, scan, {"sessionId": session, "source": f"round {number}"})
        time.sleep(whole * (number + 0.5) / rounds)
        step, import_id = watch.last["metadata"]["currentStep"], watch.last["metadata"]["importId"]
        began = time.monotonic()
        cancelled = _cancel(server, import_id)
        answered = time.monotonic()
        watch.done.wait(60)
        client.disconnect()
        if cancelled:
            yield f"step {step}", (answered - began) * 1000, (watch.instants[-1] - began) * 1000


def _cancel(server: Server, import_id: int) -> bool:
    connection = http.client.HTTPConnection(server.address)
    connection.request("POST", f"/api/imports/{import_id}/cancel")
    answer = connection.getresponse()
    json.loads(answer.read())
    connection.close()
    return answer.status == 200


if __name__ == "__main__":
    main()
