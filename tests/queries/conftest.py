"""A few hundred findings as a plain model, and questions about them that are answered from a copy."""

from __future__ import annotations

import itertools
import random
from datetime import date, timedelta
from typing import Any
from urllib.parse import parse_qsl

import orjson
import pytest
from sqlalchemy import text

from config import TestingConfig
from hextrackr.db import Base, engines
from hextrackr.domain.models import Import
from tests.support import databases
from tests.support.questions_here import ReaderHere

TODAY = date(2026, 8, 20)


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """A migrated database for the tests of a file, as they only ask."""
    instance = tmp_path_factory.mktemp("record")
    yield TestingConfig(INSTANCE_PATH=instance, DATABASE_URL=databases.url(instance))
    databases.drop(instance)


@pytest.fixture(scope="module")
def record(config):
    """A few hundred random findings of three sources, as dictionaries; the totals beside them are as an import keeps them."""
    rng = random.Random(7)
    sources = [{"id": n, "scanner": "s", "label": f"l{n}"} for n in (1, 2, 3)]
    assets = [
        {
            "id": n,
            "source_id": n % 3 + 1,
            "key": f"k{n}",
            "name": f"host-{n}",
            "fqdn": f"h{n}.example" if n % 2 else None,
            "ip": f"10.0.0.{n}",
            "os": ("Linux", "Windows", None)[n % 3],
        }
        for n in range(1, 13)
    ]
    definitions = [
        {
            "id": n,
            "source_id": n % 3 + 1,
            "key": str(1000 + n),
            "title": f"Flaw {n} of 100%",
            "family": "ab"[n % 2],
            "epss": n / 40,
            "published": str(TODAY - timedelta(days=n)) if n % 4 else None,
            "updated": str(TODAY - timedelta(days=n % 5)),
            "description": f"Text {n % 6}" if n % 6 else None,
            "solution": ("Patch", "Upgrade")[n % 2],
        }
        for n in range(1, 31)
    ]
    cves = [{"definition_id": n, "cve": f"CVE-2026-{n % 7}"} for n in range(1, 31)]
    findings = []
    for asset, definition in itertools.product(assets, definitions):
        if asset["source_id"] == definition["source_id"] and rng.random() < 0.9:
            findings.append({
                "id": len(findings) + 1, "source_id": asset["source_id"], "asset_id": asset["id"],
                "definition_id": definition["id"], "port": rng.choice([0, 22, 443]), "protocol": rng.choice(["tcp", "udp"]),
                "severity": rng.randrange(5), "vpr": rng.choice([None, 0.1, 5.0, 9.9]),
                "cvss": rng.choice([None, 2.0, 7.5, 10.0]),
                "first_seen": str(TODAY - timedelta(days=rng.randrange(60))), "last_seen": str(TODAY - timedelta(days=rng.randrange(9))),
                "lifecycle": rng.choice(["active", "active", "reopened", "resolved"]), "opened_by": rng.choice([1, 2]),
            })  # fmt: skip
    for row in findings:
        row["resolved_on"] = str(TODAY - timedelta(days=row["id"] % 9)) if row["lifecycle"] == "resolved" else None
    days = sorted({(row["source_id"], row["last_seen"]) for row in findings})
    sightings = [{"id": n, "source_id": source, "day": day} for n, (source, day) in enumerate(days, 1)]
    numbers = {seen: number for number, seen in enumerate(days, 1)}
    for row in findings:
        row["sighting_id"] = numbers[row["source_id"], row["last_seen"]]
    engine = engines.open_database(config.database_url, check_references=False)
    with engine.begin() as connection:
        for table, rows in {"sources": sources, "assets": assets, "definitions": definitions, "definition_cves": cves,
                            "sightings": sightings, "findings": findings}.items():  # fmt: skip
            columns = Base.metadata.tables[table].columns.keys()
            rows = [{name: value for name, value in _with_days(row).items() if name in columns} for row in rows]
            connection.execute(Base.metadata.tables[table].insert(), rows)
        imported = {"session_id": "s", "filename": "f", "file_size": 1, "created_at": 1, "state": "completed"}
        spans = [_span(findings, number) | {"scan_date": date(2026, 8, 19 + number)} for number in (1, 2)]
        connection.execute(Import.__table__.insert(), [imported | span for span in spans])
        connection.execute(
            text(
                "INSERT INTO finding_changes (import_id, finding_id, kind, day, severity) VALUES (2, :id, :kind, '2026-08-20', 1)"
            ),
            [{"id": row["id"], "kind": "resolved" if row["id"] % 2 else "changed"} for row in findings[:40]],
        )
        connection.execute(
            text("""
            INSERT INTO state_totals SELECT source_id, lifecycle, severity, count(*), 0 FROM findings GROUP BY 1, 2, 3
        """)
        )
    return [
        row | {"asset": assets[row["asset_id"] - 1], "definition": definitions[row["definition_id"] - 1],
               "cve": cves[row["definition_id"] - 1]["cve"], "change": "resolved" if row["id"] % 2 else "changed"}
        for row in findings
    ]  # fmt: skip


def _span(findings: list[dict[str, Any]], number: int) -> dict[str, Any]:
    """An import, and between which ids its findings lie."""
    ids = [row["id"] for row in findings if row["opened_by"] == number]
    return {"id": number, "first_finding": min(ids), "last_finding": max(ids)}


def _with_days(row: dict[str, Any]) -> dict[str, Any]:
    days = ("first_seen", "day", "resolved_on", "published", "updated")
    return {name: date.fromisoformat(value) if name in days and value else value for name, value in row.items()}


@pytest.fixture(scope="module")
def ask(config, tmp_path_factory):
    """Ask a question of the record as it is now; the answer as JSON has it."""
    reader = ReaderHere(config.database_url, tmp_path_factory.mktemp("copies"))

    def asked(question: str, query: str = "", /, **parameters: Any) -> Any:
        return orjson.loads(reader.ask(question, {"today": str(TODAY), **dict(parse_qsl(query)), **parameters}))

    yield asked
    reader.close()
