"""Deterministic exports of Tenable Vulnerability Management in any size.

The same arguments always give the same bytes. A follow-up scan of the same estate is the same call
with ``gone`` and ``new``: that share of the findings has disappeared, that share has appeared.
"""

from __future__ import annotations

import csv
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

#: Scan -> its parameters: the first one, the same one exported again with other bytes, and the one of the following week.
SCANS: dict[str, dict[str, str | float]] = {
    "first": {"day": "2026-08-01"},
    "anew": {"day": "2026-08-01", "exported": 1},
    "next": {"day": "2026-08-08", "gone": 0.1, "new": 0.05},
}
COLUMNS = (
    "asset.id", "asset.name", "asset.display_fqdn", "asset.display_ipv4_address",
    "asset.operating_system", "definition.id", "definition.name", "definition.cve",
    "definition.family", "definition.description", "definition.solution", "definition.see_also",
    "definition.severity", "definition.cvss3.base_score", "definition.epss.score",
    "definition.vpr.score", "definition.plugin_published", "definition.plugin_updated",
    "first_observed", "last_seen", "output", "port", "protocol", "severity", "state",
)  # fmt: skip

SEVERITIES = ("Info", "Low", "Medium", "High", "Critical")
SEVERITY_WEIGHTS = (30, 10, 30, 20, 10)
PORTS = (0, 22, 80, 443, 445, 3389, 5432, 8080, 8443)
FAMILIES = ("General", "Web Servers", "Windows", "Ubuntu Local Security Checks", "CISCO", "Misc.")
SYSTEMS = ("Linux Kernel 5.15 on Ubuntu 22.04", "Microsoft Windows Server 2022", "Cisco IOS XE 17.6")
WORDS = (
    "remote host affected version vulnerability attacker crafted request memory buffer overflow "
    "authentication bypass disclosure library update package vendor advisory configuration service"
).split()


@dataclass(frozen=True)
class Estate:
    """The hosts and plugins of every scan with this seed.

    :param rows: findings of the first scan; hosts and plugins grow with its size.
    :param seed: another seed is another estate.
    """

    rows: int
    seed: int = 1
    plugins: tuple[tuple[str, ...], ...] = field(init=False)

    def __post_init__(self) -> None:
        rng = random.Random(self.seed)
        count = min(8000, max(20, self.rows // 40))
        object.__setattr__(self, "plugins", tuple(_plugin(rng, 10000 + n) for n in range(count)))

    @property
    def hosts(self) -> int:
        """The number of hosts: each has about 60 findings."""
        return max(5, self.rows // 60)


def _plugin(rng: random.Random, number: int) -> tuple[str, ...]:
    severity = rng.choices(SEVERITIES, SEVERITY_WEIGHTS)[0]
    cves = [f"CVE-20{rng.randint(10, 26)}-{rng.randint(1000, 49999)}" for _ in range(rng.randint(0, 5))]
    paragraphs = [" ".join(rng.choices(WORDS, k=rng.randint(6, 20))).capitalize() for _ in range(3)]
    score = {"Info": 0.0, "Low": 2.6, "Medium": 5.3, "High": 7.8, "Critical": 9.8}[severity]
    published = f"20{rng.randint(10, 25)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}T00:00:00Z"
    return (
        str(number),
        f"{rng.choice(WORDS).capitalize()} {rng.choice(WORDS)} < {rng.randint(1, 20)}.{rng.randint(0, 9)}",
        ", ".join(cves),
        rng.choice(FAMILIES),
        ".\n\n".join(paragraphs) + '.\n - see "the advisory"',
        "Upgrade to a fixed version, or\napply the vendor's workaround.",
        f"https://www.example.org/advisory/{number}",
        severity,
        f"{score}",
        f"{rng.random():.5f}",
        f"{max(0.1, score - rng.random()):.1f}",
        published,
        "2026-06-01T00:00:00Z",
    )


def rows(
    estate: Estate, gone: float = 0.0, new: float = 0.0, day: str = "2026-08-01", exported: int = 0
) -> Iterator[tuple[str, ...]]:
    """Yield the data rows of one scan, in the order of ``COLUMNS``.

    :param gone: share (0..1) of the first scan's findings that this scan does not have.
    :param new: share (0..1) of findings that the first scan did not have.
    :param day: the scan's date, ISO; it is in ``last_seen``.
    :param exported: how often the scan was exported before: other bytes that say the same.
    """
    total = estate.rows + int(estate.rows * new)
    for number in range(total):
        if number < estate.rows and random.Random(number * 31 + estate.seed).random() < gone:
            continue
        yield _row(estate, number, day, exported)


def _row(estate: Estate, number: int, day: str, exported: int) -> tuple[str, ...]:
    # A host takes its plugins at regular steps, and another port once it has had them all, so that no identity repeats.
    host, turn = number % estate.hosts, number // estate.hosts
    port_turn, offset = divmod(turn, len(estate.plugins))
    plugin = estate.plugins[(host * 7 + offset) % len(estate.plugins)]
    port = PORTS[(host + offset) % len(PORTS)] + port_turn * 10000
    name = f"srv-{host:06}"
    return (
        f"{host:08x}-0000-4000-8000-{estate.seed:012x}",
        name,
        f"{name}.corp.example.org",
        f"10.{host >> 16 & 255}.{host >> 8 & 255}.{host & 255}",
        SYSTEMS[host % len(SYSTEMS)],
        *plugin[:13],
        "2026-05-04T08:00:00.000Z",
        f"{day}T03:{number % 60:02}:00.000Z",
        f"Installed version : {number % 9}.{host % 7 + exported}\nFixed version     : {number % 9 + 1}.0\n",
        str(port),
        "TCP" if port else "",
        plugin[7],
        ("ACTIVE", "ACTIVE", "NEW", "ACTIVE")[number % 4],
    )


def write(stream: TextIO, estate: Estate, **scan: float | str) -> int:
    """Write one scan as CSV and return its number of data rows; ``scan`` goes to :func:`rows`."""
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    count = 0
    for row in rows(estate, **scan):  # type: ignore[arg-type]
        writer.writerow(row)
        count += 1
    return count


def weeks(folder: Path, rows: int, *names: str) -> dict[str, Path]:
    """Write these of :data:`SCANS` into a folder and flush them to the disk, so that it is idle during measurements."""
    files = {name: folder / f"{name}.csv" for name in names}
    for name, path in files.items():
        with path.open("w", encoding="utf-8", newline="") as stream:
            write(stream, Estate(rows), **SCANS[name])
    os.sync()
    return files
