"""What each filter keeps of the findings of the plain model."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl

Kept = Callable[[dict[str, Any]], bool]


def is_open(row):
    return row["lifecycle"] != "resolved"


FILTERS = {
    "": lambda row: True,
    "state=open": is_open,
    "state=resolved,reopened&severity=high,info": lambda row: (
        row["lifecycle"] != "active" and row["severity"] in (0, 3)
    ),
    "source=2": lambda row: row["source_id"] == 2,
    "source=1,3&state=active": lambda row: row["source_id"] != 2 and row["lifecycle"] == "active",
    "source=9": lambda row: False,
    "host=5": lambda row: row["asset_id"] == 5,
    "host=host-5&state=open": lambda row: row["asset_id"] == 5 and is_open(row),
    "host=10.0.0.7": lambda row: row["asset_id"] == 7,
    "definition=4": lambda row: row["definition_id"] == 4,
    "cve=cve-2026-3": lambda row: row["cve"] == "CVE-2026-3",
    "family=b": lambda row: row["definition"]["family"] == "b",
    "port=0&protocol=UDP": lambda row: row["port"] == 0 and row["protocol"] == "udp",
    "vprMin=5&vprMax=9.9": lambda row: row["vpr"] in (5.0, 9.9),
    "cvssMax=7.5&severity=low": lambda row: row["cvss"] in (2.0, 7.5) and row["severity"] == 1,
    "epssMin=0.5": lambda row: row["definition"]["epss"] >= 0.5,
    "epssMax=0.5": lambda row: row["definition"]["epss"] <= 0.5,
    "cvssMin=7.5": lambda row: (row["cvss"] or 0) >= 7.5,
    "os=Linux": lambda row: row["asset"]["os"] == "Linux",
    "publishedFrom=2026-08-01&publishedTo=2026-08-10": lambda row: (
        "2026-08-01" <= (row["definition"]["published"] or "") <= "2026-08-10"
    ),
    "updatedFrom=2026-08-17&updatedTo=2026-08-19": lambda row: (
        "2026-08-17" <= row["definition"]["updated"] <= "2026-08-19"
    ),
    "resolvedFrom=2026-08-14&resolvedTo=2026-08-18": lambda row: (
        "2026-08-14" <= (row["resolved_on"] or "") <= "2026-08-18"
    ),
    "search=patch&searchIn=solution": lambda row: row["definition"]["solution"] == "Patch",
    "lastSeenFrom=2026-08-16": lambda row: row["last_seen"] >= "2026-08-16",
    "firstSeenFrom=2026-08-01&firstSeenTo=2026-08-10": lambda row: "2026-08-01" <= row["first_seen"] <= "2026-08-10",
    "lastSeenTo=2026-08-14": lambda row: row["last_seen"] <= "2026-08-14",
    "ageMin=30": lambda row: row["first_seen"] <= "2026-07-21",
    "ageMax=7&ageMin=2": lambda row: "2026-08-13" <= row["first_seen"] <= "2026-08-18",
    "changedBy=1": lambda row: row["opened_by"] == 1,
    "changedBy=2": lambda row: row["opened_by"] == 2 or row["id"] <= 40,
    "changedBy=2&change=opened": lambda row: row["opened_by"] == 2,
    "changedBy=2&change=resolved": lambda row: row["id"] <= 40 and row["change"] == "resolved",
    "changedBy=1,2": lambda row: True,
    "changedBy=9&change=opened": lambda row: False,
    "newSince=2026-08-20": lambda row: True,
    "newSince=2026-08-21&severity=critical,low": lambda row: row["opened_by"] == 2 and row["severity"] in (1, 4),
    "port=443": lambda row: row["port"] == 443,
    "protocol=tcp&state=open": lambda row: row["protocol"] == "tcp" and is_open(row),
    "search=host-1": lambda row: row["asset"]["name"].startswith("host-1"),
    "search=HOST-1&severity=critical": lambda row: row["asset"]["name"].startswith("host-1") and row["severity"] == 4,
    "search=10.0.0.1": lambda row: row["asset_id"] == 1,  # not those whose address begins like it
    "search=10.0.0.": lambda row: True,
    "search=2026-3": lambda row: row["cve"] == "CVE-2026-3",
    "search=1007": lambda row: row["definition_id"] == 7,
    "search=5": lambda row: "5" in row["asset"]["name"] + row["cve"] + row["definition"]["title"],
    "search=5&state=resolved": lambda row: (
        row["lifecycle"] == "resolved" and "5" in row["asset"]["name"] + row["cve"] + row["definition"]["title"]
    ),
    "search=of 100%25": lambda row: True,
    "search=_": lambda row: False,
}


def together(filters: Mapping[str, Kept], pairs: int = 40, seed: int = 5) -> Iterator[tuple[str, Kept]]:
    """Pairs of filters at random that limit the list by different things, and what both of them keep."""
    rng = random.Random(seed)
    while pairs:
        (one, keeps), (other, also) = rng.sample(list(filters.items()), 2)
        if not dict(parse_qsl(one)).keys() & dict(parse_qsl(other)).keys():
            pairs -= 1
            yield f"{one}&{other}", lambda row, keeps=keeps, also=also: bool(keeps(row) and also(row))
