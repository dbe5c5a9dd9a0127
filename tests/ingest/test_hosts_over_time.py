"""Random scans of random hosts whose ids, names and addresses come and go: what is on record is what truly stands on which host.

The oracle is the truth that the scans are made from. A host shows in each scan what DESIGN section 4 lets it be known again by, and in
random order whatever else it has; rows are rejected at random.
"""

from __future__ import annotations

import os
import random
from dataclasses import dataclass, field
from datetime import date, timedelta

import pytest

from tests.support.exports import COLUMNS, export, row

SEEDS = range(int(os.environ.get("RANDOM_SEEDS", "2")))
OPEN = """
    SELECT a.os, d.key, f.port FROM findings f JOIN assets a ON a.id = f.asset_id JOIN definitions d ON d.id = f.definition_id
    WHERE f.lifecycle <> 'resolved' ORDER BY 1, 2, 3
"""


@dataclass
class Host:
    """A machine as it is; ``known`` is what the record knows it by: of ids and addresses the newest that it was shown with."""

    number: int
    id: str
    names: tuple[str, ...]
    address: str
    findings: set[tuple[str, int]]
    known: dict[str, set[str]] = field(default_factory=lambda: {"id": set(), "name": set(), "address": set()})

    def shown(self, chance: random.Random) -> dict[str, list[str]]:
        """What a scan says of it: at least one thing by which it is known, if it is."""
        names = [name for name in self.names if chance.random() < 0.6]
        chance.shuffle(names)
        told = {
            "id": [self.id] if chance.random() < 0.5 else [],
            "name": names,
            "address": [self.address] if chance.random() < 0.6 else [],
        }
        return told if self.is_known(told) else {"id": [self.id], "name": list(self.names), "address": [self.address]}

    def is_known(self, told: dict[str, list[str]]) -> bool:
        """Whether the rule finds it by this: the id, or a name, or the address, unless names or ids on both sides differ."""
        if not any(self.known.values()):
            return bool(told["name"]) and bool(told["id"])
        if set(told["id"]) & self.known["id"] or set(told["name"]) & self.known["name"]:
            return True
        differs = any(told[kind] and self.known[kind] for kind in ("id", "name"))
        return bool(set(told["address"]) & self.known["address"]) and not differs

    def note(self, told: dict[str, list[str]]) -> None:
        for kind in ("id", "address"):
            if told[kind]:
                self.known[kind] = set(told[kind])
        self.known["name"] |= set(told["name"])


def estate(chance: random.Random) -> list[Host]:
    return [
        Host(
            number, f"id-{number}", (f"h{number}.example.com", f"alias{number}.example.com", f"pc{number}"), f"192.0.2.{number}",
            {(str(chance.randrange(1, 9)), chance.choice([0, 22, 443])) for _ in range(4)},
        )
        for number in range(1, 8)
    ]  # fmt: skip


def spelled(name: str, chance: random.Random) -> str:
    return chance.choice([name, name.upper(), name + "."])


@pytest.mark.parametrize("seed", SEEDS)
def test_the_record_is_the_truth(run_import, query, seed):
    chance = random.Random(seed)
    hosts, day = estate(chance), date(2026, 1, 1)
    for _ in range(5):
        shown = {host.number: host.shown(chance) for host in hosts}
        if chance.random() < 0.4:  # leases change hands, if every host is known by more than its address now
            if all(told["id"] or told["name"] for told in shown.values()):
                addresses = chance.sample([host.address for host in hosts], len(hosts))
                for host, address in zip(hosts, addresses, strict=True):
                    host.address = address
                    shown[host.number]["address"] = [address] if shown[host.number]["address"] else []
        gone = {}
        for host in hosts:
            taken = {key for key in host.findings if chance.random() < 0.15}
            gone[host.number] = taken if len(taken) < len(host.findings) else set()
            host.findings -= gone[host.number]
        if chance.random() < 0.5:
            host = chance.choice(hosts)
            host.findings.add((str(chance.randrange(20, 30)), 80))
        rows, was_on_record = [], {tuple(found) for found in query(OPEN)}
        for host in hosts:
            told = shown[host.number]
            for plugin, port in host.findings:
                cells = row(
                    plugin=plugin, title=f"Plugin {plugin}", port=str(port), host="".join(told["id"]), asset_name="",
                    asset_display_fqdn=", ".join(spelled(name, chance) for name in told["name"]),
                    asset_display_ipv4_address="".join(told["address"]), last_seen="", first_observed="",
                ) | {"asset.operating_system": f"host {host.number}"}  # fmt: skip
                known = (f"host {host.number}", plugin, port) in was_on_record
                rows.append(cells | {"severity": "Superbad"} if known and chance.random() < 0.1 else cells)
            host.note(told)
        chance.shuffle(rows)
        day += timedelta(days=7)
        record = run_import(export(rows, [*COLUMNS, "asset.operating_system"]), scan_date=day, confirmed=True)
        truth = sorted((f"host {host.number}", plugin, port) for host in hosts for plugin, port in host.findings)
        assert [tuple(found) for found in query(OPEN)] == truth
        assert record.resolved == sum(len(taken) for taken in gone.values()) if was_on_record else record.resolved == 0
