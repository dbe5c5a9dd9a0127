"""The databases of servers that tests and benchmarks start: one for each data folder.

It is SQLite, in the data folder itself, until :func:`chosen` says otherwise.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, NullPool, create_engine

from config import Config
from hextrackr import create_app
from hextrackr.db.dialects import engine_options, is_postgresql
from hextrackr.extensions import alembic
from tests.support import postgresql

#: Which database the suite runs on.
ON_POSTGRESQL = os.environ.get("TEST_DATABASE", "sqlite") == "postgresql"


class Databases(Protocol):
    """Which database belongs to a data folder.

    :ivar have_tables: whether they are migrated from the beginning.
    """

    have_tables: bool

    def url(self, instance: Path) -> str:
        """The DATABASE_URL of the data folder."""

    def drop(self, instance: Path) -> None:
        """Drop it; nobody uses it any more."""


class Embedded:
    """SQLite: a file in the folder, which goes with it.

    :param template: gives a folder with a migrated database, of which each is a copy, made when it is first asked for.
    """

    def __init__(self, template: Callable[[], Path] | None = None) -> None:
        self._template = template
        self.have_tables = template is not None

    def url(self, instance: Path) -> str:
        file = instance / "hextrackr.sqlite3"
        if self._template and not file.exists():
            shutil.copy(self._template() / file.name, file)
        return f"sqlite:///{file}"

    def drop(self, instance: Path) -> None:
        pass


class OnPostgresql:
    """Databases of one PostgreSQL server, created on first use.

    :param template: a migrated database, of which each is a copy.
    """

    def __init__(self, server: postgresql.Server, template: str = "") -> None:
        self._server, self._template = server, template or "template1"
        self.have_tables = bool(template)
        self._names: dict[Path, str] = {}

    def url(self, instance: Path) -> str:
        if instance not in self._names:
            self._names[instance] = self._server.create(self._template)
        return self._server.url(self._names[instance])

    def drop(self, instance: Path) -> None:
        if name := self._names.pop(instance, ""):
            self._server.drop(name)


#: The settings of PostgreSQL for benchmarks, as recommended in docs/scaling.md.
RECOMMENDED = {"shared_buffers": "512MB", "max_wal_size": "4GB"}

_databases: Databases = Embedded()


@contextmanager
def chosen(databases: Databases) -> Iterator[None]:
    """Start servers on these databases from now on."""
    global _databases
    before, _databases = _databases, databases
    try:
        yield
    finally:
        _databases = before


@contextmanager
def of_kind(kind: str) -> Iterator[None]:
    """Start servers on ``sqlite``, or on ``postgresql``: a server of its own."""
    if kind == "sqlite":
        yield
        return
    if postgresql.folder() is None:
        raise SystemExit("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    with postgresql.serving(**RECOMMENDED) as server, chosen(OnPostgresql(server)):
        yield


def url(instance: Path) -> str:
    """The address of a data folder's database."""
    return _databases.url(instance)


def have_tables() -> bool:
    """Whether the databases of data folders are migrated from the beginning."""
    return _databases.have_tables


def drop(instance: Path) -> None:
    """Drop a data folder's database."""
    _databases.drop(instance)


def migrate(config: Config) -> None:
    """Give a database its tables."""
    app = create_app(config)
    with app.app_context():
        alembic.upgrade()
        for engine in app.extensions["sqlalchemy"].engines.values():
            engine.dispose()


@cache
def engine(address: str) -> Engine:
    """An engine that reads a database while its server runs; each use opens a new connection."""
    return create_engine(address, poolclass=NullPool, **engine_options(address))


def query(instance: Path, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """Query a data folder's database with plain SQL, in which ``?`` is a placeholder."""
    with engine(url(instance)).connect() as connection:
        return rows(connection, statement, values)


def rows(connection: Connection, statement: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
    """The result of a statement with ``?`` as placeholders, with the types of SQLite."""
    if is_postgresql(connection):
        statement = statement.replace("%", "%%").replace("?", "%s")
    return as_sqlite_has_them(connection.exec_driver_sql(statement, values))


def as_sqlite_has_them(found: Any) -> list[tuple[Any, ...]]:
    """Rows with days as text and booleans as numbers."""
    return [tuple(map(_plain, row)) for row in found]


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    return int(value) if isinstance(value, bool) else value
