"""Binds the database and its migrations to an app."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .extensions import alembic, db
from .models import Base
from .models.base import prepare_engine

if TYPE_CHECKING:
    from flask import Flask

    from config import Config

#: SQLite waits in C: short on an event loop; who writes tries again, without blocking.
BUSY_TIMEOUT_MS = 250


def init_app(app: Flask, config: Config) -> None:
    """Set up the engine and the migrations."""
    config.INSTANCE_PATH.mkdir(parents=True, exist_ok=True)
    app.config["SQLALCHEMY_ENGINES"] = {"default": config.database_url}
    app.config["ALEMBIC"] = {"script_location": str(Path(__file__).parent / "migrations")}
    db.init_app(app)
    with app.app_context():
        prepare_engine(db.engine, busy_timeout_ms=BUSY_TIMEOUT_MS)
    alembic.metadatas = {"default": Base.metadata}
    alembic.init_app(app)
