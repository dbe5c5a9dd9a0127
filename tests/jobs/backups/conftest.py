"""A record, and operations on it without the programs that take their time."""

from __future__ import annotations

import itertools
import shutil
from datetime import date

import pytest

from hextrackr.db import revisions
from hextrackr.domain.models import ImportMode
from hextrackr.jobs.backups import copying, operations
from hextrackr.jobs.backups.operations import Operation
from tests.support.reference_model import Row
from tests.support.staging import promote

#: No operation has the number of another.
_MARKS = itertools.count(1)
make = operations.make_database


@pytest.fixture
def database(config, engine):
    """A record of two hosts with three findings each."""
    rows = {(f"host-{host}", f"plugin-{plugin}", 443): Row(plugin, 1, 5.0) for host in (1, 2) for plugin in (1, 2, 3)}
    promote(engine, "a", date(2026, 8, 1), ImportMode.FULL, rows)
    return config.INSTANCE_PATH / "hextrackr.sqlite3"


@pytest.fixture
def run(database, tmp_path):
    """Carries out an operation and returns what it reported."""

    def run(kind, name="kept.sqlite3", source=""):
        told = []
        operation = Operation(
            kind, str(database), str(tmp_path / name), str(source), str(tmp_path / ".work"), next(_MARKS), str(tmp_path)
        )
        assert not operation.is_done()
        operations.carry_out(operation, lambda progress, message: told.append((progress, message)))
        assert operation.is_done()
        return told

    return run


@pytest.fixture(autouse=True)
def quick_schema(request, monkeypatch):
    """An empty record of this version is a copy of one that was made before, which is what the migrations make."""

    def copied(folder, revision=""):
        if revision and revision != revisions.known()[-1]:
            make(folder, revision)
        elif not (folder / operations.DATABASE).exists():
            shutil.copyfile(request.getfixturevalue("migrated") / operations.DATABASE, folder / operations.DATABASE)
            copying.close_log(folder / operations.DATABASE)
        else:
            make(folder)

    monkeypatch.setattr(operations, "make_database", copied)
