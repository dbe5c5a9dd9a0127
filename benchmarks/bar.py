"""Does the bar tell the truth? Imports through a running server, each bar held against the clock by who follows it.

    python -m benchmarks.bar 100000 --rounds 9
    python -m benchmarks.bar 1000000 --rounds 3 --database postgresql
    python -m benchmarks.bar 100000 --busy 1               beside a program that keeps a core busy
    python -m benchmarks.bar 100000 --imports first next question --no-lists

``first`` goes into an empty database, ``anew`` brings the same findings in other bytes and another order, ``next`` is a follow-up scan
(10 % gone, 5 % new), ``question`` the same with a preview, which is confirmed after two seconds: these are left out.

A line for each import says how long it took from the answer to the upload until the last event; the largest distance between the bar and
the clock, |progress/100 - elapsed/total|, with the instant, the phase and its sign (+: the bar is ahead); the same between the time left
and the truth as a share of that, from a third of the import on until a second before its end; and the longest silence. The goal is 0.10
(0.15 beside a busy program), 0.25 and 500 ms.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from config import Config
from tests.support import databases, postgresql
from tests.support.generator import weeks
from tests.support.server import Server, running

from .watching import Watch, busy, joined, upload

#: Import -> its scan.
IMPORTS = {"first": "first", "anew": "anew", "next": "next", "question": "next"}
#: Seconds that a question waits for its answer.
THINKING = 2.0
#: Seconds between two imports: the importer process cleans up after itself.
REST = 2.0
#: Columns of the table.
_HEADINGS = ("rows", "import", "round", "seconds", "bar", "where", "time left", "where", "silence ms", "back")


@dataclass(frozen=True)
class Event:
    """What was told at an instant: seconds since the answer to the upload, of which waiting for a person is left out."""

    at: float
    progress: float
    left: float | None
    phase: str


@dataclass
class Followed(Watch):
    """A watch that keeps where each event was, and can wait for a question."""

    phases: list[str] = field(default_factory=list)
    asks: list[bool] = field(default_factory=list)

    def take(self, snapshot: dict[str, Any]) -> None:
        """Take down an event."""
        metadata = snapshot["metadata"]
        self.phases.append(metadata.get("phase") or snapshot["message"])
        self.asks.append(bool(metadata.get("awaitingConfirmation")))
        super().take(snapshot)


@dataclass(frozen=True)
class Verdict:
    """How far a bar was from the truth, and where."""

    seconds: float
    bar: float
    bar_where: str
    left: float
    left_where: str
    silence: float
    goes_back: bool

    def cells(self) -> tuple[str, ...]:
        """As cells of a table."""
        return (
            f"{self.seconds:.2f}", f"{self.bar:+.2f}", self.bar_where, f"{self.left:.2f}", self.left_where,
            f"{self.silence * 1000:.0f}", "yes" if self.goes_back else "no",
        )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=int)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--imports", nargs="+", choices=IMPORTS, default=list(IMPORTS)[:3])
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--busy", type=int, default=0, help="programs beside it that keep a core busy each")
    parser.add_argument(
        "--no-lists", action="store_true", help="nobody has looked at a list: no copy is brought up to date"
    )
    parser.add_argument("--niceness", default="", help="IMPORTER_NICENESS instead of the default")
    parser.add_argument("--exports", type=Path, help="a folder in which the exports are kept for the next time")
    parser.add_argument("--events", action="store_true", help="print every event as well")
    options = parser.parse_args()
    print(" | ".join(_HEADINGS), "---|" * len(_HEADINGS), sep="\n")
    with tempfile.TemporaryDirectory(prefix="hextrackr-bar-") as folder, busy(options.busy):
        files = _exports(options.exports or Path(folder), options.rows, {IMPORTS[name] for name in options.imports})
        for number in range(1, options.rounds + 1):
            with serving(options.database, options.niceness, lists=not options.no_lists) as server:
                for name in options.imports:
                    time.sleep(REST)
                    events = follow(server, files[IMPORTS[name]], preview=name == "question")
                    if options.events:
                        _print_events(events)
                    cells = (f"{options.rows:,}", name, str(number), *judge(events).cells())
                    print(" | ".join(cells), flush=True)


@contextmanager
def serving(database: str, niceness: str = "", *, lists: bool = True) -> Iterator[Server]:
    """A server with an empty record.

    :param lists: somebody has looked at a list, so that the server keeps a copy of the record.
    """
    niceness = niceness or str(Config().IMPORTER_NICENESS)
    if database == "sqlite":
        with running(IMPORTER_NICENESS=niceness) as server:
            _look(server, lists)
            yield server
        return
    with postgresql.serving(**databases.RECOMMENDED) as installed:
        with running(DATABASE_URL=installed.url(installed.create()), IMPORTER_NICENESS=niceness) as server:
            _look(server, lists)
            yield server


def _look(server: Server, lists: bool) -> None:
    if lists:
        urlopen(f"{server.url}/api/vulnerabilities?limit=1").read()


def follow(server: Server, path: Path, *, preview: bool = False) -> list[Event]:
    """Import a file, answer its question if there is one, and return what was told of it."""
    session, watch = str(uuid.uuid4()), Followed()
    client = joined(server, session, watch)
    _, answered = upload(server, path, {"sessionId": session, **({"preview": "true"} if preview else {})})
    thought = (float("inf"), float("inf"))
    if preview:
        while not (watch.asks and watch.asks[-1]):
            time.sleep(0.01)
        asked = watch.instants[watch.asks.index(True)]
        time.sleep(THINKING)
        thought = asked, time.monotonic()
        confirmation = Request(f"{server.url}/api/imports/{watch.last['metadata']['importId']}/confirm", method="POST")
        urlopen(confirmation).read()
    watch.done.wait(3600)
    client.disconnect()
    if watch.last["status"] != "completed":
        raise RuntimeError(f"the import failed: {json.dumps(watch.last.get('error'))}")
    asked, confirmed = thought
    return [
        Event((at if at < asked else max(asked, at - confirmed + asked)) - answered, progress, left, phase)
        for at, progress, left, phase in zip(watch.instants, watch.progress, watch.left, watch.phases, strict=True)
        if at >= answered
    ]


def judge(events: Sequence[Event]) -> Verdict:
    """Hold what was told against the truth."""
    total = events[-1].at
    bar, at_bar = max(
        ((event.progress / 100 - event.at / total, event) for event in events), key=lambda found: abs(found[0])
    )
    told = [
        (abs(event.left - (total - event.at)) / (total - event.at), event)
        for event in events
        if event.left is not None and total / 3 <= event.at <= total - 1
    ]
    left, at_left = max(told, key=lambda found: found[0], default=(0.0, events[-1]))
    pairs = list(zip(events, events[1:], strict=False))
    return Verdict(
        seconds=total,
        bar=bar,
        bar_where=_where(at_bar, total),
        left=left,
        left_where=_where(at_left, total) if told else "",
        silence=max(later.at - earlier.at for earlier, later in pairs),
        goes_back=any(later.progress < earlier.progress for earlier, later in pairs),
    )


def _where(event: Event, total: float) -> str:
    return f"{event.phase[:30]} at {event.at / total:.0%}"


def _print_events(events: Sequence[Event]) -> None:
    total = events[-1].at
    for event in events:
        left = "" if event.left is None else f"left {event.left:6.2f} of {total - event.at:6.2f}"
        print(
            f"    {event.at:7.2f} s  bar {event.progress:5.1f}  clock {100 * event.at / total:5.1f}  {left}  {event.phase}"
        )


def _exports(folder: Path, rows: int, names: set[str]) -> dict[str, Path]:
    """The exports of these scans, written unless they are there; ``anew`` in another order."""
    files = {name: folder / f"{rows}-{name}.csv" for name in names}
    for name in names:
        if not files[name].exists():
            path = weeks(folder, rows, name)[name]
            if name == "anew":
                _shuffle(path)
            path.rename(files[name])
    return files


def _shuffle(path: Path) -> None:
    """Put the rows of a file into another order."""
    with path.open(encoding="utf-8", newline="") as stream:
        header, *rows = csv.reader(stream)
    random.Random(1).shuffle(rows)
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([header, *rows])


if __name__ == "__main__":
    main()
