"""The content of a database in a form that can be compared with that of another one, whatever their ids and times are."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, select

from hextrackr.db import Base
from tests.support import databases

#: Columns that may differ between an import that was disturbed and one that was not: times, owners, attempts and ids.
OF_THE_RUN = {
    "id", "session_id", "created_at", "started_at", "finished_at", "attempts", "owner", "epoch", "lease_until", "upload",
    "first_finding", "last_finding", "work",
}  # fmt: skip
#: Column -> the table to whose ids it refers.
REFERS = {
    "source_id": "sources", "asset_id": "assets", "definition_id": "definitions", "finding_id": "findings", "import_id": "imports",
    "opened_by": "imports", "sighting_id": "sightings", "evidence_id": "evidence",
}  # fmt: skip
#: The columns that identify a row in place of its id.
KEYS = {
    "sources": ("scanner", "label"), "sightings": ("source_id", "day"), "assets": ("source_id", "key"), "definitions": ("source_id", "key"),
    "findings": ("asset_id", "definition_id", "port", "protocol"), "imports": ("source_id", "place"),
    "evidence": ("text",),
}  # fmt: skip
#: Prefixes of tables with temporary rows: staged rows, and undo logs.
PASSING = ("staging_", "undo_")
#: Tables that number the states of a record: each has numbers of its own.
OF_THE_RECORD = ("record_version", "record_changes")

Names = dict[str, dict[int, tuple[Any, ...]]]


def save(instance: Path, file: Path, *, final: bool = False) -> None:
    """Read the content of the database of a data folder, which may be in use."""
    with file.open("w", encoding="utf-8") as stream:
        stream.writelines(f"{line}\n" for line in lines(instance, final=final))


def differences(instance: Path, file: Path, *, final: bool = False) -> list[str]:
    """Some of the rows that only one of two contents has: each the database of a data folder, or the result of an earlier read."""
    with file.open(encoding="utf-8", newline="\n") as stream:
        return differing(lines(instance, final=final), (line.rstrip("\n") for line in stream))


def differing(found: Iterable[str], expected: Iterable[str]) -> list[str]:
    """Some of the lines that do not occur equally often in both."""
    here, there = Counter(found), Counter(expected)
    return [f"{kind}: {line}" for kind, only in (("found", here - there), ("missing", there - here))
            for line in sorted(only)[:5]]  # fmt: skip


def of_source(instance: Path, label: str) -> list[str]:
    """The rows of one source in the final tables, without its label."""
    quoted = json.dumps(label)
    return [line.replace(quoted, "its label") for line in lines(instance, final=True) if quoted in line]


def lines(instance: Path, *, final: bool = False) -> Iterator[str]:
    """Every row of every table, a line each. Imports that were not completed do not count.

    :param final: leave out the tables that hold rows for a while only.
    """
    names: Names = {}
    with databases.engine(databases.url(instance)).connect() as connection:
        for table in sorted(Base.metadata.sorted_tables, key=lambda table: table.name not in KEYS):
            if table.name not in OF_THE_RECORD and not (final and table.name.startswith(PASSING)):
                yield from _rows(connection, table, names)


def _rows(connection: Connection, table: Table, names: Names) -> Iterator[str]:
    asked = select(table).execution_options(yield_per=5_000)
    if table.name == "imports":
        asked = asked.where(table.c.state == "completed")
    for row in connection.execute(asked).mappings():
        values = {column: _value(column, value, names) for column, value in row.items()}
        if key := KEYS.get(table.name):
            names.setdefault(table.name, {})[row["id"]] = tuple(values[column] for column in key)
        yield f"{table.name} {json.dumps(_lasting(table.name, values), default=str)}"


def _value(column: str, value: Any, names: Names) -> Any:
    if column in REFERS and value is not None:
        return names.get(REFERS[column], {}).get(value)
    return comparable(column, value)


def comparable(column: str, value: Any) -> Any:
    """A value in a form that is the same for both databases and every run."""
    if column == "details" and value is not None:
        return sorted(json.loads(value).items())  # each database writes JSON in its own way
    if column == "forecast":
        return {name: each for name, each in value.items() if name != "pace"}  # the speed of the machine
    return round(value, 6) if isinstance(value, float) else value


def _lasting(table: str, values: Mapping[str, Any]) -> dict[str, Any]:
    dropped = OF_THE_RUN if table == "imports" else {"id"}
    return {column: value for column, value in values.items() if column not in dropped}
