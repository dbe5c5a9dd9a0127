"""Hold the maintenance lock during requests that may write, so that a restore waits for them."""

from __future__ import annotations

from contextlib import ExitStack

from flask import Flask, g, request

from hextrackr.extensions import maintenance_lock

#: Endpoints that take the lock themselves after the upload, and those that replace the record.
_EXCEPT = ("imports.import_staging", "imports.import_and_wait", "backups.", "sources.merge")


def init_app(app: Flask) -> None:
    """Acquire the lock before a request, and release it after the response was made."""
    app.before_request(_acquire)
    app.teardown_request(_release)


def _acquire() -> None:
    if request.method in ("GET", "HEAD", "OPTIONS") or request.endpoint is None or request.endpoint.startswith(_EXCEPT):
        return
    g.maintenance_lock = ExitStack()
    g.maintenance_lock.enter_context(maintenance_lock.writing())


def _release(_error: BaseException | None) -> None:
    if (lock := g.pop("maintenance_lock", None)) is not None:
        lock.close()
