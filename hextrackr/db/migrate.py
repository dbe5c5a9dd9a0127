"""Brings the tables of a database to a revision in this process, without an app: what ends the process ends the migration."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext, MigrationStep
from alembic.script import ScriptDirectory

from . import engines, revisions


def upgrade(url: str, revision: str = "") -> None:
    """Carry out the migrations up to a revision, by default the newest; a database that is not there is made.

    :raises SQLAlchemyError: what the database holds is in the way, or there is no space.
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
    """Keep Alembic from telling the log of each migration."""
    chatter = logging.getLogger("alembic")
    level = chatter.level
    chatter.setLevel(logging.WARNING)
    try:
        yield
    finally:
        chatter.setLevel(level)
