"""Filters, orders and pages of the list at random, one to three filters together, as a user may choose them."""

from __future__ import annotations

import random
from collections.abc import Iterator

#: Filter -> values of the estates that are measured: common ones and rare ones, and some that nothing has.
VALUES: dict[str, tuple[str, ...]] = {
    "severity": ("critical,high", "critical", "high", "medium", "low", "info"),
    "source": ("1", "2", "1,2"),
    "host": ("srv-000123", "10.0.1.7", "124", "nothing"),
    "cve": ("CVE-2021-4034", "CVE-2020-1000"),
    "definition": ("12", "400"),
    "family": ("CISCO", "Windows", "Web Servers", "General"),
    "port": ("443", "3389", "0", "22", "8443"),
    "search": ("buffer", "srv-000123", "10.0.1.", "CVE-2021-4", "no such thing", "overflow", "srv", "windows"),
    "newSince": ("2026-08-01", "2026-08-05", "2026-08-09"),
    "firstSeenFrom": ("2026-01-01", "2025-01-01", "2026-08-01"),
    "firstSeenTo": ("2026-01-01", "2024-06-01", "2026-08-01"),
    "lastSeenFrom": ("2026-08-08", "2026-08-01"),
    "lastSeenTo": ("2026-08-07", "2026-08-08"),
    "ageMin": ("30", "365", "1000"),
    "vprMin": ("9", "5", "1"),
    "vprMax": ("9", "3", "0.5"),
    "cvssMin": ("9", "7.5", "4"),
    "cvssMax": ("9", "4", "1"),
    "epssMin": ("0.9", "0.5", "0.1"),
    "changedBy": ("1", "2", "3", "2,3"),
}
STATES = ("open", "open", "open", "active", "reopened", "resolved", "open,resolved")
CHANGES = ("opened", "changed", "reopened", "resolved")
SORTS = ("severity", "severity", "vpr", "cvss", "firstSeen", "lastSeen", "host", "title", "port")
#: How far into the list, as a share of its numbered pages.
PAGES = (0.0, 0.0, 0.1, 0.5, 1.0)


def combinations(count: int, seed: int = 1) -> Iterator[tuple[dict[str, str], float]]:
    """Parameters of the list, and how far into its numbered pages, 0..1; the same ones for the same seed."""
    chance = random.Random(seed)
    for _ in range(count):
        asked = {"state": chance.choice(STATES)}
        for name in chance.sample(list(VALUES), chance.choice((1, 2, 2, 3))):
            asked[name] = chance.choice(VALUES[name])
        if "changedBy" in asked and chance.random() < 0.7:
            asked["change"] = chance.choice(CHANGES)
        asked |= {"sort": chance.choice(SORTS), "order": chance.choice(("desc", "desc", "asc"))}
        yield asked, chance.choice(PAGES)
