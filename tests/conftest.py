"""An app on a migrated database file of its own, for each test."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Connection, Engine

from config import TestingConfig
from hextrackr import create_app
from hextrackr.extensions import alembic
from hextrackr.importing import pipeline
from hextrackr.workers import wiring

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def scans() -> Path:
    """The folder with real scanner exports, where it is present."""
    folder = Path(os.environ.get("SCANS_DIR", ROOT.parent / "shared" / "scans"))
    if not folder.is_dir():
        pytest.skip(f"no real exports at {folder} (SCANS_DIR names another place)")
    return folder


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a migrated, empty database, to be copied."""
    folder = tmp_path_factory.mktemp("migrated")
    app = create_app(TestingConfig(INSTANCE_PATH=folder))
    with app.app_context():
        alembic.upgrade()
        for engine in app.extensions["sqlalchemy"].engines.values():
            engine.dispose()
    return folder


@pytest.fixture
def config(migrated: Path, tmp_path: Path) -> TestingConfig:
    instance = tmp_path / "instance"
    shutil.copytree(migrated, instance)
    return TestingConfig(INSTANCE_PATH=instance)


@pytest.fixture
def app(config: TestingConfig) -> Iterator[Flask]:
    app = create_app(config)
    yield app
    with app.app_context():
        for engine in app.extensions["sqlalchemy"].engines.values():
            engine.dispose()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def working(app: Flask) -> Iterator[Flask]:
    """The app with its supervisor and importer process at work."""
    wiring.start(app)
    yield app
    app.extensions["import_supervisor"].stop()


@pytest.fixture
def engine(config: TestingConfig) -> Iterator[Engine]:
    """The database as the importer process opens it."""
    engine = pipeline.open_database(config.database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def query(engine: Engine) -> Callable[..., list[tuple]]:
    """Plain SQL against the database, to count what there really is."""

    def run(statement: str, *parameters: object) -> list[tuple]:
        with engine.connect() as connection:
            return _rows(connection, statement, parameters)

    return run


def _rows(connection: Connection, statement: str, parameters: tuple[object, ...]) -> list[tuple]:
    return [tuple(row) for row in connection.exec_driver_sql(statement, parameters)]
