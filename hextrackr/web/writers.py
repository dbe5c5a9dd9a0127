"""No request writes to a record that is being replaced: each one that may write holds the lock that a restore waits for."""

from __future__ import annotations

from contextlib import ExitStack

from flask import Flask, g, request

from hextrackr.extensions import maintenance_lock

#: Endpoints that hold it by themselves, once the file is there, and those that replace the record or do not touch it.
_OTHERS = ("imports.import_staging", "imports.import_and_wait", "backups.", "sources.merge")


def init_app(app: Flask) -> None:
    """Hold the lock from before a request to after its answer was made."""
    app.before_request(_hold)
    app.teardown_request(_let_go)


def _hold() -> None:
    if request.method in ("GET", "HEAD", "OPTIONS") or request.endpoint is None or request.endpoint.startswith(_OTHERS):
        return
    g.held = ExitStack()
    g.held.enter_context(maintenance_lock.writing())


def _let_go(_error: BaseException | None) -> None:
    if (held := g.pop("held", None)) is not None:
        held.close()
