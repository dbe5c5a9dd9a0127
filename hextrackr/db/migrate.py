"""Migrate the tables of a database to a revision, and configure the comparison of the models with them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext, MigrationStep
from alembic.script import ScriptDirectory
from sqlalchemy import TEXT, String
from sqlalchemy.schema import SchemaItem

from . import engines, revisions


def upgrade(url: str, revision: str = "") -> None:
    """Run the migrations up to a revision, by default the newest; create the database if it does not exist.

    They run in this process, without an app.

    :raises SQLAlchemyError: the rows of the database prevent it, or there is no space.
    """
    scripts = ScriptDirectory(revisions.MIGRATIONS, version_locations=[revisions.MIGRATIONS])

    def steps(heads: str | tuple[str, ...], _context: MigrationContext) -> list[MigrationStep]:
        ahead = list(scripts.iterate_revisions(revision or revisions.known()[-1], heads or "base"))
        return [MigrationStep.upgrade_from_script(scripts.revision_map, script) for script in reversed(ahead)]

    engine = engines.open_database(url)
    try:
        with _quietly(), engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"fn": steps})
            with context.begin_transaction(), Operations.context(context):
                context.run_migrations()
    finally:
        engine.dispose()


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep Alembic from logging each migration."""
    chatter = logging.getLogger("alembic")
    level = chatter.level
    chatter.setLevel(logging.WARNING)
    try:
        yield
    finally:
        chatter.setLevel(level)


def comparison_options(on_postgresql: bool) -> dict[str, Any]:
    """The options with which ``flask db check`` and ``flask db revision`` compare the models with a database.

    Intended differences on PostgreSQL are ignored.
    """
    return {"compare_type": _is_unlike, "include_object": _is_compared} if on_postgresql else {}


def _is_unlike(_context: Any, _column: Any, _model: Any, found: Any, modelled: Any) -> bool | None:
    """Whether a type differs; on PostgreSQL all text columns are TEXT with the collation "C"."""
    if isinstance(modelled, String):
        return not (isinstance(found, TEXT) and found.collation == "C")
    return None


def _is_compared(
    modelled: SchemaItem, _name: str | None, kind: str, _reflected: bool, _found: SchemaItem | None
) -> bool:
    """Whether an item is compared; on PostgreSQL findings have no foreign keys."""
    table = getattr(modelled, "table", None)
    return table is None or table.name != "findings" or kind != "foreign_key_constraint"
