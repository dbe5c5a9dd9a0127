"""An app on a migrated database of its own, for each test: a SQLite file, or a database of PostgreSQL (TEST_DATABASE=postgresql)."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jinja2.bccache import Bucket, BytecodeCache
from sqlalchemy import Engine

from config import TestingConfig
from hextrackr import create_app
from hextrackr.db import engines
from hextrackr.jobs import wiring
from tests.support import ROOT, databases, postgresql
from tests.support.databases import ON_POSTGRESQL, migrate
from tests.support.questions_here import ReaderHere
from tests.support.services import RedisServer
from tests.support.skipping import skipped_without_programs
from tests.support.warm_importer import WarmImporter

#: Folders whose files take up to two minutes each, as they start servers and browsers, and one that builds and installs the
#: package.
#: Several processes share the files in order (``--no-loadscope-reorder``): so none of them is left alone with such a file at the end.
LONG = {"server", "faults", "jobs", "e2e", "test_package.py"}

# Imports of real servers do not give way to the tests that run beside them, and wait for them.
os.environ.setdefault("IMPORTER_NICENESS", "0")

# A client of Socket.IO that has lost its server leaves a thread that waits for half a minute and then calls it an error that nothing
# came: in the log of whichever test runs by then.
logging.getLogger("engineio.client").setLevel(logging.CRITICAL)


class CompiledTemplates(BytecodeCache):
    """The templates that one app of this process has compiled, for the next one: to compile them takes longer than most tests."""

    def __init__(self) -> None:
        self._code: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if code := self._code.get(bucket.key):
            bucket.bytecode_from_string(code)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key] = bucket.bytecode_to_string()


Flask.jinja_options = {"bytecode_cache": CompiledTemplates()}


@pytest.fixture(scope="session")
def scans() -> Path:
    """The folder with real scanner exports, where it is present."""
    folder = Path(os.environ.get("SCANS_DIR", ROOT.parent / "shared" / "scans"))
    if not folder.is_dir():
        pytest.skip(f"no real exports at {folder} (SCANS_DIR names another place)")
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long begins first; what is about SQLite itself is not tried on PostgreSQL, and the marker says why."""
    items.sort(key=lambda item: not LONG & {item.path.parent.name, item.path.name})
    if ON_POSTGRESQL:
        for item in items:
            if marker := item.get_closest_marker("sqlite"):
                item.add_marker(pytest.mark.skip(reason=f"about SQLite itself: {marker.args[0]}"))


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[postgresql.Server]:
    """A server of PostgreSQL, where its package is installed."""
    if postgresql.folder() is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    with postgresql.serving(**postgresql.FOR_TESTS) as server:
        yield server


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis of the test file's own, where its package is installed."""
    with skipped_without_programs():
        redis = RedisServer(tmp_path_factory.mktemp("redis"))
    redis.start()
    yield redis
    redis.close()


@pytest.fixture(scope="session")
def migrated_template(postgresql_server: postgresql.Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a migrated, empty database of PostgreSQL, to be copied."""
    name = postgresql_server.create()
    migrate(TestingConfig(INSTANCE_PATH=tmp_path_factory.mktemp("unused"), DATABASE_URL=postgresql_server.url(name)))
    return name


@pytest.fixture(scope="session", autouse=True)
def servers_on_its_database(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whoever starts a real server starts it on the database that the suite runs on: each on a copy of its own."""
    if ON_POSTGRESQL:
        server, template = (request.getfixturevalue(name) for name in ("postgresql_server", "migrated_template"))
        its_databases: databases.Databases = databases.OnPostgresql(server, template)
    else:
        its_databases = databases.Embedded(partial(request.getfixturevalue, "migrated"))
    with databases.chosen(its_databases):
        yield


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a migrated, empty SQLite database, to be copied."""
    folder = tmp_path_factory.mktemp("migrated")
    migrate(TestingConfig(INSTANCE_PATH=folder))
    return folder


@pytest.fixture
def postgresql_database(postgresql_server: postgresql.Server, migrated_template: str) -> Iterator[str]:
    """The URL of a migrated, empty database of PostgreSQL."""
    name = postgresql_server.create(migrated_template)
    yield postgresql_server.url(name)
    postgresql_server.drop(name)


@pytest.fixture
def config(request: pytest.FixtureRequest, tmp_path: Path) -> TestingConfig:
    instance = tmp_path / "instance"
    if ON_POSTGRESQL:
        instance.mkdir()
        return TestingConfig(INSTANCE_PATH=instance, DATABASE_URL=request.getfixturevalue("postgresql_database"))
    shutil.copytree(request.getfixturevalue("migrated"), instance)
    return TestingConfig(INSTANCE_PATH=instance)


@pytest.fixture
def app(config: TestingConfig) -> Iterator[Flask]:
    app = create_app(config)
    app.extensions["reader"] = ReaderHere(config.database_url, config.INSTANCE_PATH / "readmodel")
    yield app
    app.extensions["reader"].close()
    with app.app_context():
        for engine in app.extensions["sqlalchemy"].engines.values():
            engine.dispose()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture(scope="session")
def warm_importer() -> Iterator[WarmImporter]:
    importer = WarmImporter()
    yield importer
    importer.close()


@pytest.fixture
def working(app: Flask, warm_importer: WarmImporter) -> Iterator[Flask]:
    """The app with its worker and importer process at work."""
    warm_importer.hand_to(app)
    wiring.start(app)
    yield app
    warm_importer.take_from(app)
    app.extensions["import_worker"].stop()


@pytest.fixture
def engine(config: TestingConfig) -> Iterator[Engine]:
    """The database as the importer process opens it."""
    engine = engines.open_database(config.database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def query(engine: Engine) -> Callable[..., list[tuple]]:
    """Plain SQL against the database, to count what there really is; values come as SQLite has them."""

    def run(statement: str, *parameters: object) -> list[tuple]:
        with engine.connect() as connection:
            return databases.rows(connection, statement, parameters)

    return run
