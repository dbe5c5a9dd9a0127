"""A record that imports are taken into, and a reader of it whose questions are those of the tests."""

from __future__ import annotations

import pytest

from hextrackr.readmodel.client import Reader
from hextrackr.readmodel.copy import Copy
from hextrackr.readmodel.record import record
from tests.support.importer import importer


@pytest.fixture
def run_import(engine, config, tmp_path):
    return importer(engine, config.database_url, tmp_path, config.RESOLVE_GUARD_PERCENT)


@pytest.fixture
def the_record(config):
    return record(config.database_url)


@pytest.fixture
def copy(tmp_path):
    made = Copy(tmp_path / "copies", "192MB")
    yield made
    made.connection.close()


@pytest.fixture
def reader(config):
    reader = Reader(
        config.database_url,
        config.INSTANCE_PATH / "readmodel",
        memory_limit="192MB",
        seconds=60,
        package="tests.support.questions",
    )
    yield reader
    reader.close()
