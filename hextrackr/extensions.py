"""The Flask extensions, which :func:`hextrackr.create_app` binds to an app, and proxies for the current app's services.

Imports none of our modules, so that any of them may import it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar, cast

from flask import current_app
from flask_alembic import Alembic
from flask_cors import CORS
from flask_sqlalchemy_lite import SQLAlchemy
from werkzeug.local import LocalProxy

if TYPE_CHECKING:
    from .jobs.backups.service import BackupService
    from .jobs.maintenance_lock import MaintenanceLock
    from .jobs.queue import ImportQueue
    from .jobs.service import ImportService
    from .jobs.snapshots import ImportSnapshots
    from .jobs.sources import SourceService
    from .jobs.worker import Worker
    from .progress.tracker import ProgressTracker
    from .readmodel.client import Reader

T = TypeVar("T")


@contextmanager
def _without(*packages: str) -> Iterator[None]:
    """Hide these packages from imports inside the block."""
    hidden = [name for name in packages if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    yield
    for name in hidden:
        del sys.modules[name]


# Flask-SocketIO would load the clients of all installed message queues, which we do not use and which take 6 MB.
with _without("redis", "kombu"):
    from flask_socketio import SocketIO

db = SQLAlchemy()
alembic = Alembic(run_mkdir=False)
cors = CORS()
socketio = SocketIO()


def _of_app(name: str) -> Any:
    return LocalProxy(lambda: current_app.extensions[name])


#: The current app's progress tracker.
tracker: ProgressTracker = _of_app("progress_tracker")
#: The current app's import queue, the operations on imports, the worker that runs them, and their snapshots.
import_queue: ImportQueue = _of_app("import_queue")
import_service: ImportService = _of_app("import_service")
import_worker: Worker = _of_app("import_worker")
import_snapshots: ImportSnapshots = _of_app("import_snapshots")
#: The current app's lock between processes that write to the record and processes that replace it.
maintenance_lock: MaintenanceLock = _of_app("maintenance_lock")
#: The current app's client of the reader process.
reader: Reader = _of_app("reader")
#: The current app's backups.
backup_service: BackupService = _of_app("backup_service")
#: The current app's operations on sources.
source_service: SourceService = _of_app("source_service")


def offload(function: Callable[..., T], *args: Any) -> T:
    """Run a short, lock-free call that may wait for the disk (``os.fsync``) without blocking the event loop."""
    return cast("T", current_app.extensions["offload"](function, *args))


def run_inline(function: Callable[..., T], *args: Any) -> T:
    """Call a function directly: :func:`offload` if requests are served by threads."""
    return function(*args)
