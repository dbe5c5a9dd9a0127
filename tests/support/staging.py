"""Promote scans directly from staging, without a file: fast enough to try thousands of them."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.orm import Session

from hextrackr.domain import promotion
from hextrackr.domain.models import Import, ImportMode, ImportState, source_of
from hextrackr.ingest import staging
from hextrackr.ingest.read_queries import (
    ASSET_COLUMNS,
    CVE_COLUMNS,
    DEFINITION_COLUMNS,
    FINDING_COLUMNS,
    IDENTIFIER_COLUMNS,
    OBSERVATION_COLUMNS,
    WEIGHT_COLUMNS,
)
from hextrackr.progress.estimate import Meter
from tests.support.databases import as_sqlite_has_them
from tests.support.reference_model import Key, Row

#: The tables that an undo must restore, and that must be equal after two imports of one file.
RECORD = (
    "sources",
    "source_aliases",
    "assets",
    "asset_identifiers",
    "definitions",
    "definition_cves",
    "findings",
    "sightings",
    "finding_changes",
    "daily_totals",
    "state_totals",
    "asset_weights",
    "definition_weights",
)


def promote(
    engine: Engine, source: str, day: date, mode: ImportMode, rows: Mapping[Key, Row], confirmed: bool = True
) -> tuple[int, ImportState]:
    """Stage a scan and promote it; return the import's id and its final state."""
    hosts = sorted({key[0] for key in rows})
    plugins = sorted({key[1] for key in rows})
    with Session(engine) as session, session.begin():
        found = source_of(session, "test", source)
        record = Import(
            session_id=str(uuid.uuid4()), filename="scan.csv", file_size=1, created_at=1, state=ImportState.PROMOTING,
            source_id=found.id, scan_date=day, mode=mode, staged=len(rows), confirmed=confirmed,
        )  # fmt: skip
        session.add(record)
        session.flush()
        import_id, source_id = record.id, found.id
        _stage(session.connection(), import_id, hosts, plugins, rows)
    settings = promotion.Promotion(
        import_id=import_id, epoch=0, source_id=source_id, day=day, mode=mode, staged=len(rows),
        open_staged=sum(row.state > 0 for row in rows.values()), preview=False, confirmed=confirmed, guard_percent=50,
        expected=lambda *_, **__: [],
    )  # fmt: skip
    meter = Meter(lambda reading: None, lambda: 0.0)
    state = promotion.promote(engine, settings, meter)
    staging.clean_up(engine)
    return import_id, state


def dump(engine: Engine) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of the record."""
    with engine.connect() as connection:
        return {
            table: sorted(as_sqlite_has_them(connection.exec_driver_sql(f"SELECT * FROM {table}")), key=repr)
            for table in RECORD
        }


def _stage(
    connection: Connection, import_id: int, hosts: list[str], plugins: list[str], rows: Mapping[Key, Row]
) -> None:
    """Stage definitions whose texts contain the VPR and severity of their newest row, so that definitions change as well."""
    newest = {key[1]: row for key, row in rows.items()}

    def insert(table: str, columns: tuple[str, ...], values: list[tuple[Any, ...]]) -> None:
        if values:
            staging.insert_many(connection, table, columns, values, import_id=import_id)

    blank = (None,) * (len(DEFINITION_COLUMNS) - len(WEIGHT_COLUMNS) - 5)
    insert(
        "staging_assets", ASSET_COLUMNS,
        [
            (number, host, host.upper(), None, None, None, f"os {len(rows)}", None, *_weight(rows, 0, host))
            for number, host in enumerate(hosts)
        ],
    )  # fmt: skip
    insert("staging_identifiers", IDENTIFIER_COLUMNS, [(number, "name", "", host) for number, host in enumerate(hosts)])
    insert(
        "staging_definitions", DEFINITION_COLUMNS,
        [
            (number, plugin, False, plugin.title(), f"family {newest[plugin].severity}", *blank, *_weight(rows, 1, plugin))
            for number, plugin in enumerate(plugins)
        ],
    )  # fmt: skip
    insert(
        "staging_cves", CVE_COLUMNS,
        [(number, f"CVE-2026-100{newest[plugin].severity}") for number, plugin in enumerate(plugins)],
    )  # fmt: skip
    observations = Counter((row.severity, row.vpr, row.state) for row in rows.values())
    numbers = {observed: number for number, observed in enumerate(observations)}
    insert(
        "staging_observations", OBSERVATION_COLUMNS,
        [(numbers[each], "tcp", *each[:2], *(None,) * 4, each[2], count) for each, count in observations.items()],
    )  # fmt: skip
    insert(
        "staging_findings", FINDING_COLUMNS,
        [
            (number, hosts.index(host), plugins.index(plugin), port, numbers[row.severity, row.vpr, row.state], None)
            for number, ((host, plugin, port), row) in enumerate(rows.items())
        ],
    )  # fmt: skip


def _weight(rows: Mapping[Key, Row], part: int, of: str) -> tuple[float, ...]:
    """The open findings of a host (part 0 of the key) or a plugin (1): the number of each severity, the worst first, and their VPR."""
    is_open = [row for key, row in rows.items() if key[part] == of and row.state > 0]
    counts = Counter(row.severity for row in is_open)
    return *(counts[severity] for severity in range(4, -1, -1)), round(sum(row.vpr or 0 for row in is_open), 2)
