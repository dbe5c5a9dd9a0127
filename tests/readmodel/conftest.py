"""A record that imports are taken into, and a reader of it whose questions are those of the tests."""

from __future__ import annotations

import pytest

from config import TestingConfig
from hextrackr.db import engines
from hextrackr.readmodel.client import Reader
from hextrackr.readmodel.copy import Copy
from hextrackr.readmodel.record import record
from tests.support import databases
from tests.support.exports import scan
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


def reader_of(config):
    return Reader(
        config.database_url,
        config.INSTANCE_PATH / "readmodel",
        memory_limit="192MB",
        seconds=60,
        package="tests.support.questions",
    )


@pytest.fixture
def reader(config):
    reader = reader_of(config)
    yield reader
    reader.close()


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """A reader of a record with fifty findings, for the tests of a file that only ask."""
    instance = tmp_path_factory.mktemp("record")
    config = TestingConfig(INSTANCE_PATH=instance, DATABASE_URL=databases.url(instance))
    engine = engines.open_database(config.database_url)
    importer(engine, config.database_url, instance)(scan(range(50)))
    engine.dispose()
    reader = reader_of(config)
    reader.refresh()
    yield reader
    reader.close()
    databases.drop(instance)
