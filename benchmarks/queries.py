"""How long the lists take with many findings on record, and how fast they are exported: asked of a running server over HTTP.

Three imports of two sources are on record: three quarters of the findings and a follow-up scan of them, and a quarter of another estate.

    python -m benchmarks.queries                        100,000 findings
    python -m benchmarks.queries --findings 1300000 --combinations 400
"""

from __future__ import annotations

import argparse
import http.client
import json
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from tests.support.generator import Estate, write
from tests.support.server import Server, running
from tests.support.waiting import until

from .combinations import combinations
from .plain import PlainList
from .watching import measure

DATABASE = "hextrackr.sqlite3"
LIST = "/api/vulnerabilities?"
#: What is asked -> the parameters of the list, or another path.
QUERIES: dict[str, dict[str, str | int] | str] = {
    "the worst open ones": {"state": "open"},
    "a page in the middle": {"state": "open", "page": 0.5},  # type: ignore[dict-item]
    "the last numbered page": {"state": "open", "page": 1.0},  # type: ignore[dict-item]
    "the middle by first seen": {"sort": "firstSeen", "page": 0.5},  # type: ignore[dict-item]
    "by VPR, least first": {"state": "open", "sort": "vpr", "order": "asc"},
    "by CVSS": {"state": "open", "sort": "cvss"},
    "by first seen": {"state": "open", "sort": "firstSeen", "order": "asc"},
    "by last seen": {"state": "open", "sort": "lastSeen", "host": "srv-000123"},
    "last seen before the last scan": {"state": "open", "lastSeenTo": "2026-08-07"},
    "gone since the last scan": {"state": "resolved", "lastSeenTo": "2026-08-07", "sort": "cvss"},
    "last seen in the last scan": {"state": "open", "lastSeenFrom": "2026-08-08", "sort": "firstSeen"},
    "info by CVSS": {"severity": "info", "sort": "cvss"},
    "resolved": {"state": "resolved"},
    "one source": {"source": "2", "state": "open", "sort": "cvss"},
    "search for a host": {"search": "srv-000123"},
    "search for an address": {"search": "10.0.1."},
    "search for a word": {"search": "buffer", "state": "open"},
    "search for a CVE": {"search": "CVE-2021-4"},
    "search for nothing there": {"search": "no such thing"},
    "a host": {"host": "srv-000123"},
    "a family by VPR": {"family": "CISCO", "sort": "vpr"},
    "CVSS from 9": {"cvssMin": "9", "state": "open"},
    "changed by an import": {"changedBy": "2", "sort": "firstSeen"},
    "older than a year": {"ageMin": "365", "state": "open"},
    "a port": {"port": "3389", "state": "open"},
    "what was resolved": {"changedBy": "2", "change": "resolved"},
    "totals": "/api/vulnerabilities/stats",
    "what is new": "/api/changes?days=3650",
    "response times": "/api/response-times",
    "trends": "/api/trends",
    "changes by week": "/api/trends/weeks",
    "open by month": "/api/trends/ages",
    "resolved by month": "/api/trends/resolved",
    "sources": "/api/sources",
    "worst hosts": "/api/vulnerabilities/groups?by=host&state=open",
    "worst definitions": "/api/vulnerabilities/groups?by=definition&state=open",
    "worst CVEs": "/api/vulnerabilities/groups?by=cve&state=open",
    "families": "/api/vulnerabilities/groups?by=family",
    "hosts with VPR from 9": "/api/vulnerabilities/groups?by=host&vprMin=9",
    "what was resolved by host": "/api/vulnerabilities/groups?by=host&state=resolved",
    "the page of a host": "/api/hosts/124",
    "the page of a definition": "/api/definitions/12",
    "imports": "/api/imports",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--findings", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--combinations", type=int, default=100, help="random combinations of filters")
    parser.add_argument("--check", action="store_true", help="compare each combination with plain SQL on the record")
    parser.add_argument(
        "--instance", type=Path, help="a data folder that an earlier run has filled, or that is to be kept"
    )
    options = parser.parse_args()
    report(options.findings, options.rounds, options.combinations, check=options.check, instance=options.instance)


def report(findings: int, rounds: int, combined: int = 0, *, check: bool = False, instance: Path | None = None) -> None:
    """Fill a server, and print a line for each query, and what random combinations of filters take.

    :param check: compare what combinations answer with plain SQL on the record.
    :param instance: the server's data folder, which is filled unless it has a record; a temporary one by default.
    """
    is_filled = instance is not None and (instance / DATABASE).exists()
    with running(instance=instance, app="tests.support.instrumented_app:app", API_RATE_LIMIT="off") as server:
        if not is_filled:
            _fill(server, findings)
        until(lambda: _is_answered(server))
        pages = _ask(server, LIST + urlencode({"state": "open"}))[1]["pagination"]["numberedPages"]
        findings = _ask(server, LIST)[1]["pagination"]["total"]
        print("findings | query | p50 ms | p99 ms\n---|---|---|---|")
        for name, asked in QUERIES.items():
            if isinstance(asked, dict) and isinstance(asked.get("page"), float):
                asked = {**asked, "page": max(1, int(pages * asked["page"]))}
            path = asked if isinstance(asked, str) else LIST + urlencode(asked)
            took = sorted(_ask(server, path)[0] for _ in range(rounds))
            print(f"{findings:,} | {name} | {took[rounds // 2]:.1f} | {took[rounds * 99 // 100]:.1f}", flush=True)
        if combined:
            _report_combinations(server, combined)
            if check:
                _check_combinations(server, combined)
        print("\nfindings | export | rows/s | MB/s | memory of the server grows by MB\n---|---|---|---|---|")
        for kind in ("csv", "jsonl"):
            rows, size, seconds, memory = _export(server, kind)
            print(
                f"{findings:,} | {kind} | {rows / seconds:,.0f} | {size / seconds / 1e6:.0f} | {memory:.0f}", flush=True
            )


def _fill(server: Server, findings: int) -> None:
    most = Estate(findings * 3 // 4)
    scans = (
        ("headquarters", most, {"day": "2026-08-01"}),
        ("headquarters", most, {"day": "2026-08-08", "gone": 0.1, "new": 0.05}),
        ("branch", Estate(findings // 4, seed=2), {"day": "2026-08-08"}),
    )
    with tempfile.TemporaryDirectory(prefix="hextrackr-queries-") as folder:
        for source, estate, scan in scans:
            path = Path(folder) / "scan.csv"
            with path.open("w", encoding="utf-8", newline="") as stream:
                write(stream, estate, **scan)
            measure(server, path, asked=(), source=source)


def _report_combinations(server: Server, count: int) -> None:
    """What each takes, as the median of five; and which take longest."""
    took: list[tuple[float, str]] = []
    urlopen(Request(f"{server.url}/benchmark/ticker", method="POST")).read()
    for asked, depth in combinations(count):
        pages = _ask(server, LIST + urlencode(asked))[1]["pagination"]["numberedPages"]
        path = urlencode({**asked, "page": max(1, int(pages * depth))})
        took.append((sorted(_ask(server, LIST + path)[0] for _ in range(5))[2], path))
    late: list[float] = _ask(server, "/benchmark/ticker")[1]["late"]
    took.sort(reverse=True)
    above = sum(milliseconds > 150 for milliseconds, _ in took)
    print(
        "\ncombinations | p50 ms | p90 ms | p99 ms | above 150 ms | a 5 ms tick of the event loop late by ms\n---|---|---|---|---|---|"
    )
    print(count, *(f"{took[count * part // 100][0]:.1f}" for part in (50, 10, 1)), above, f"{max(late):.1f}", sep=" | ")
    print("\nms | the longest\n---|---|")
    for milliseconds, path in took[:10]:
        print(f"{milliseconds:.0f} | {path}", flush=True)


def _check_combinations(server: Server, count: int) -> None:
    """Compare pages, totals and sums with plain SQL on the record.

    :raises AssertionError: one differs.
    """
    plain = PlainList(server.instance / DATABASE)
    for asked, depth in combinations(count):
        pagination = _ask(server, LIST + urlencode(asked))[1]["pagination"]
        page = max(1, int(pagination["numberedPages"] * depth))
        answer = _ask(server, LIST + urlencode({**asked, "page": page}))[1]
        ids, total, vpr_sum, by_severity = plain.answer(asked, (page - 1) * pagination["limit"], pagination["limit"])
        totals = answer["totals"]
        assert [row["id"] for row in answer["data"]] == ids, asked
        assert (totals["findings"], totals["bySeverity"]) == (total, by_severity), asked
        assert abs(totals["vprSum"] - vpr_sum) < 0.1, asked
    plain.close()
    print(f"\n{count} combinations answered as plain SQL does: order, totals, sums of VPR, severities", flush=True)


def _is_answered(server: Server) -> bool:
    """Whether the lists can be asked: of a record that is there, the copy may have to be made first."""
    try:
        _ask(server, LIST)
    except RuntimeError:
        return False
    return True


def _ask(server: Server, path: str) -> tuple[float, Any]:
    """How many ms an answer takes, and what it says."""
    connection = http.client.HTTPConnection(server.address)
    connection.connect()
    began = time.monotonic()
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    took = (time.monotonic() - began) * 1000
    connection.close()
    if answer.status != 200:
        raise RuntimeError(f"{path}: {body.decode()}")
    return took, json.loads(body)


def _export(server: Server, kind: str) -> tuple[int, int, float, float]:
    """Rows, bytes, seconds, and by how many MB the server has grown at most meanwhile."""
    before = most = server.memory()
    connection = http.client.HTTPConnection(server.address)
    began = asked = time.monotonic()
    connection.request("GET", f"/api/vulnerabilities/export.{kind}")
    answer = connection.getresponse()
    rows = size = 0
    while chunk := answer.read(1 << 18):
        rows += chunk.count(b"\n")
        size += len(chunk)
        if time.monotonic() > asked + 0.5:
            asked, most = time.monotonic(), max(most, server.memory())
    return rows, size, time.monotonic() - began, most - before


if __name__ == "__main__":
    main()
