"""The same files, imported into SQLite and into PostgreSQL: every row of every table is the same afterwards."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Engine, select

from hextrackr.db import Base, engines
from hextrackr.domain import undo
from hextrackr.errors import Conflict, FileRefused
from hextrackr.ingest import staging
from tests.support.contents import REFERS, comparable
from tests.support.exports import export, row, scan
from tests.support.fixtures import CHOSEN
from tests.support.importer import Importer, importer

pytestmark = pytest.mark.system

#: What each run has of its own.
OF_THE_RUN = {
    "session_id", "started_at", "finished_at", "lease_until", "upload", "undone_at", "first_finding", "last_finding", "work"
}  # fmt: skip


@dataclass
class Twin:
    """One of the two databases."""

    engine: Engine
    bring: Importer

    def tables(self) -> dict[str, list[tuple[Any, ...]]]:
        """Everything in it. An id is known by its place among those of its table: PostgreSQL never gives one twice.

        What an import that is undone had overwritten is left out: it may refer to rows that went with it, and to ids given anew.
        """
        with self.engine.connect() as connection:
            found = {
                name: [dict(row) for row in connection.execute(select(table)).mappings()]
                for name, table in Base.metadata.tables.items()
            }
        undone = {row["id"] for row in found["imports"] if row["undone_at"] is not None}
        found = {
            name: [row for row in rows if not (name.startswith("undo_") and row["import_id"] in undone)]
            for name, rows in found.items()
        }
        places = {
            name: {number: place for place, number in enumerate(sorted(row["id"] for row in rows))}
            for name, rows in found.items()
            if "id" in Base.metadata.tables[name].c
        }
        return {
            name: sorted((tuple(_told(name, row, places)) for row in rows), key=repr) for name, rows in found.items()
        }


def _told(table: str, row: Any, places: dict[str, dict[int, int]]) -> Iterator[Any]:
    for column, value in row.items():
        if column in OF_THE_RUN or column == "stamp":
            continue
        numbers = places.get(table if column == "id" else REFERS.get(column, ""))
        if numbers is not None and value is not None:
            yield numbers[value]
        else:
            yield comparable(column, value)


@pytest.fixture
def twins(migrated, postgresql_database, tmp_path) -> Iterator[list[Twin]]:
    shutil.copy(migrated / "hextrackr.sqlite3", tmp_path)
    urls = (f"sqlite:///{tmp_path / 'hextrackr.sqlite3'}", postgresql_database)
    pair = [engines.open_database(url) for url in urls]
    yield [Twin(engine, importer(engine, url, tmp_path)) for engine, url in zip(pair, urls, strict=True)]
    for engine in pair:
        engine.dispose()


def both(twins: list[Twin], step: Callable[[Twin], object]) -> None:
    """Do something with both, and compare them."""
    for twin in twins:
        step(twin)
        staging.clean_up(twin.engine)
    on_sqlite, on_postgresql = (twin.tables() for twin in twins)
    for table, rows in on_sqlite.items():
        assert on_postgresql[table] == rows, table


def bring(content: bytes, **columns: Any) -> Callable[[Twin], object]:
    return lambda twin: twin.bring(content, **columns)


def test_the_fixtures_of_every_scanner(twins):
    for path in (*CHOSEN, *CHOSEN[::5]):
        for twin in twins:
            twin.bring(path.read_bytes(), filename=path.name, confirmed=True)
    both(twins, lambda twin: None)


def test_a_year_of_scans_and_what_is_taken_back(twins):
    def day(number: int) -> dict[str, str]:
        return {"last_seen": f"2026-08-{number:02}T03:00:00.000Z", "first_observed": f"2026-07-{number:02}T00:00:00Z"}

    def undo_latest(twin: Twin) -> None:
        with twin.engine.connect() as connection:
            latest = undo.undoable(connection, 1)
        with suppress(Conflict):
            undo.undo_import(twin.engine, latest or 0)

    weeks: list[Callable[[Twin], object]] = [
        bring(scan(range(30), (1001, 1002), cve="CVE-2026-1,CVE-2026-2", vpr="5.1", **day(1))),
        bring(scan(range(25), (1001, 1002, 1003), cve="CVE-2026-2,CVE-2026-3", vpr="7.35", **day(8))),
        bring(scan(range(28), (1001, 1002), severity="Critical", vpr="9.9", **day(15)), mode="hosts"),
        bring(scan([1], **day(16))),  # asks, and is rolled back
        bring(scan(range(5), (1001,), state="FIXED", **day(17)), mode="delta"),
        bring(scan(range(3), (1001,), state="RESURFACED", **day(18)), mode="delta"),
        bring(scan(range(26, 40), (1001, 1004), **day(4))),  # late
        bring(scan(range(2, 40), (1001, 1002), **day(22)), confirmed=True),
        undo_latest,
        undo_latest,
        bring(scan(range(50), (1001, 1002), **day(23)), source_label="another"),
        bring(scan(range(2, 40), (1001, 1002), **day(22)), confirmed=True),
        undo_latest,
        undo_latest,
        undo_latest,
        undo_latest,
    ]
    for week in weeks:
        both(twins, week)


ODD = (
    "a\0b", "\0", "\x01", "a\x01\0\x01\x02", "\\", "\\.", "\\N", "line\n\\.\nline", "tab\tin", "cr\rlf\r\n", '"quoted"', "NULL", "", "äÄß",
    "田中さん 👩‍👩‍👧", "\U0010ffff", "\ufeff", "Z̮̞̠͙͔a̡͓l͖͔g̘o", "zebra", "Zebra", "İ" * 255, "%s %(x)s :day", "x" * 5000,
)  # fmt: skip


def test_odd_texts_and_their_order(twins):
    plain = [row(host=f"host-{number}") for number in range(50)]  # a file that begins with zero bytes is no text
    rows = [
        row(host=f"{text}h", asset_name=text, plugin=f"p{text[:200]}", title=text, description=text, cve=f"CVE-2026-{number}")
        for number, text in enumerate(ODD)
    ]  # fmt: skip
    both(twins, bring(export([*plain, *rows])))
    both(twins, bring(export([*plain, *rows[::2], row(severity="none"), row(port="99999")])))


@pytest.mark.parametrize("stray", [b"\xed\xa0\x80", b"\xff\xfe", b"\0"], ids=["lone surrogate", "invalid", "zero"])
def test_stray_bytes(twins, stray):
    content = export([row(host="h0"), row(host="h1", plugin="7", title="a#b"), row(host="h2")]).replace(b"#", stray)

    def tried(twin: Twin) -> None:
        with suppress(FileRefused):
            twin.bring(content)

    both(twins, tried)
