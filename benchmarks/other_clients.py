"""Do other clients in use draw an import as it was? Imports through a real server, seen as such a client sees them.

    python -m benchmarks.other_clients                              60 imports of 99 rows and 20 of 100,000, for both kinds of ids
    python -m benchmarks.other_clients --rows 99 --imports 10

There are two kinds: one joins a session with a UUID once the upload is answered, the other brings ``import_<ms>_<random>`` and joins before
the upload. Each import is received over a websocket. The network is added afterwards, as the model of these clients in
``tests/support/other_clients.py`` has no clock of its own: every event is late by up to 60 ms, in as many ways as there are ``--networks``.

A line says how close two updates came to each other, and an update to the end; how many drawings have an update after the end, which must
be none; and whether each showed its end. ``failed`` is a file of which no row can be imported, ``cancelled`` an import that is cancelled
while its rows are read.
"""

from __future__ import annotations

import argparse
import json
import random
import string
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from tests.support import sockets
from tests.support.generator import COLUMNS, Estate, write
from tests.support.other_clients import Event, drawn, with_jitter
from tests.support.server import Server, running

from .watching import upload

KINDS = ("uuid", "import_")
ENDS = {"completed": "end", "failed": "error", "cancelled": "error"}
#: Rows of an import that is cancelled: enough to be still read when the cancel comes.
CANCELLED_ROWS = 50_000
EVENTS = ("progress-status", "progress-update", "progress-complete")


class Client:
    """The events of one session as they arrive, in ms, until one says that it has ended.

    :ivar events: what has arrived.
    :ivar ended: set once the end has arrived.
    :ivar read: set once the import works on its rows.
    """

    def __init__(self, server: Server) -> None:
        self.events: list[Event] = []
        self.ended = threading.Event()
        self.read = threading.Event()
        self._client = sockets.Client(reconnection=False)
        for name in EVENTS:
            self._client.on(name, partial(self._take, name))
        self._client.connect(server.url, transports=["websocket"])

    def join(self, session: str) -> None:
        """Join a session."""
        self._client.emit("join-progress", session)

    @property
    def state(self) -> str:
        """Whether it is still connected, and the last event."""
        return f"{'connected' if self._client.connected else 'disconnected'}, {self.events[-1:]}"

    def leave(self) -> None:
        """Disconnect."""
        self._client.disconnect()

    def _take(self, name: str, snapshot: dict[str, Any]) -> None:
        self.events.append((time.monotonic() * 1000, name, snapshot))
        if snapshot["metadata"].get("phase") == "rows":
            self.read.set()
        if snapshot["status"] in ("completed", "error"):
            self.ended.set()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[99, 100_000])
    parser.add_argument("--imports", type=int, nargs="+", default=[60, 20], help="for each of --rows")
    parser.add_argument("--networks", type=int, default=60)
    options = parser.parse_args()
    print(
        "rows | ids | outcome | imports | updates | apart ms | before the end ms | drawings | after the end | end shown"
    )
    print("---|" * 10)
    with tempfile.TemporaryDirectory(prefix="hextrackr-others-") as name, running() as server:
        for kind in KINDS:
            for rows, imports in zip(options.rows, options.imports, strict=True):
                scans = _scans(Path(name), rows)
                report(rows, kind, "completed", [follow(server, next(scans), kind) for _ in range(imports)], options)
            unusable = Path(name) / "unusable.csv"
            unusable.write_text(",".join(COLUMNS) + "\n" + "," * (len(COLUMNS) - 1) + "x\n", encoding="utf-8")
            report(1, kind, "failed", [follow(server, unusable, kind) for _ in range(5)], options)
            scans = _scans(Path(name), CANCELLED_ROWS)
            cancelled = [follow(server, next(scans), kind, cancel=True) for _ in range(5)]
            report(CANCELLED_ROWS, kind, "cancelled", cancelled, options)


def follow(server: Server, path: Path, kind: str, *, cancel: bool = False) -> list[Event]:
    """Import a file as a client of this kind does, and return what it received."""
    client = Client(server)
    # One for each size: an import does not ask whether to resolve the findings of another one.
    source = path.stem.partition("-")[0]
    try:
        if kind == "uuid":
            session = str(uuid.uuid4())
            upload(server, path, {"sessionId": session, "source": source})
            client.join(session)
        else:
            chance = "".join(random.choices(string.ascii_lowercase + string.digits, k=9))
            session = f"import_{time.time_ns() // 1_000_000}_{chance}"
            client.join(session)
            upload(server, path, {"sessionId": session, "source": source})
        if cancel:
            client.read.wait(60)
            body = json.dumps({"sessionId": session}).encode()
            address = f"{server.url}/api/vulnerabilities/import-cancel"
            urlopen(Request(address, body, {"Content-Type": "application/json"})).read()
        if not client.ended.wait(300):
            raise RuntimeError(f"the import did not end; {client.state}")
        time.sleep(0.3)  # an update that followed the end would have come by now
    finally:
        client.leave()
    return client.events


def report(rows: int, kind: str, outcome: str, imports: list[list[Event]], options: argparse.Namespace) -> None:
    """Print what the clients of some imports drew."""
    apart, before_end = [float("inf")], [float("inf")]
    updates = late = shown = 0
    for events in imports:
        arrived = [at for at, name, _ in events if name == "progress-update"]
        ended = next(at for at, _, snapshot in events if snapshot["status"] in ("completed", "error"))
        updates += len(arrived)
        apart.extend(later - earlier for earlier, later in pairwise(arrived))
        before_end.extend(ended - at for at in arrived)
        for seed in range(options.networks):
            pictures = drawn(with_jitter(events, seed))
            late += pictures[-1] != ENDS[outcome]
            shown += ENDS[outcome] in pictures
    drawings = len(imports) * options.networks
    cells = (
        f"{rows:,}", kind, outcome, str(len(imports)), str(updates), f"{min(apart):.0f}", f"{min(before_end):.0f}", f"{drawings:,}",
        str(late), f"{shown / drawings:.0%}",
    )  # fmt: skip
    print(" | ".join(cells), flush=True)


def _scans(folder: Path, rows: int) -> Iterator[Path]:
    """Yield two exports of the same findings in turns, so that no file is that of the import before it."""
    paths = [folder / f"{rows}-{exported}.csv" for exported in range(2)]
    for exported, path in enumerate(paths):
        if not path.exists():
            with path.open("w", encoding="utf-8", newline="") as stream:
                write(stream, Estate(rows), day="2026-08-01", exported=exported)
    while True:
        yield from paths


if __name__ == "__main__":
    main()
