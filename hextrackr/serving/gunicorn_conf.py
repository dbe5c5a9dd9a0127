"""The configuration of gunicorn; its settings come from :mod:`hextrackr.config`."""

import gc
import logging
import os
import signal
import sys
import warnings
from typing import Any

from gunicorn.arbiter import Arbiter

from hextrackr import connections, logs
from hextrackr.config import Config

connections.raise_descriptor_limit()
_config = Config.of_server()

# Eventlet is in maintenance mode; ASYNC_MODE=threading is the alternative.
warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
logging.getLogger("gunicorn.error").addFilter(lambda record: "worker is DEPRECATED" not in record.getMessage())

wsgi_app = "hextrackr.serving.wsgi:app"
bind = f"{_config.HOST}:{_config.PORT}"
workers = 1  # sockets and imports live in one process; several processes need a shared store
worker_class = {"eventlet": "eventlet", "threading": "gthread"}[_config.ASYNC_MODE]
threads = 1_000  # gthread only: each websocket needs one; they are started on demand
worker_connections = 10_000
timeout = 60
graceful_timeout = 5
keepalive = 5
control_socket_disable = True
#: Seconds between two checks that the main process still exists.
PARENT_CHECK_INTERVAL = 1.0
loglevel = _config.LOG_LEVEL.lower()
if _config.LOG_FORMAT == "json":
    logconfig_dict = logs.as_json(_config.LOG_LEVEL)


def post_worker_init(worker: Any) -> None:
    """Start the app in this process, then exclude all existing objects from garbage collection.

    With 1,000 clients this reduces the 99th percentile of the delivery time of events from 165 to 49 ms.
    """
    from hextrackr import database, realtime, web
    from hextrackr.jobs import wiring

    if why := database.unready(worker.wsgi):
        worker.log.critical(why)
        sys.exit(Arbiter.WORKER_BOOT_ERROR)
    if worker_class == "eventlet":
        worker.wsgi.wsgi_app = _Upgrades(worker.wsgi.wsgi_app)
    web.start(worker.wsgi)
    realtime.start(worker.wsgi)
    wiring.start(worker.wsgi)
    _limit_connections(worker)
    _stop_gracefully(worker)
    gc.collect()
    gc.freeze()
    # Requests wait for the garbage collector: 4 ms for 10,000 objects, 20 ms for 50,000.
    gc.set_threshold(10_000, 50, 250)


def post_request(worker: Any, _request: Any, environ: dict[str, Any], _response: Any) -> None:
    """Note that the connection waits for its next request."""
    open_connections, connection = getattr(worker, "connections", None), environ.get("gunicorn.socket")
    if open_connections is not None and connection is not None:
        open_connections.answered(connection)


def worker_exit(_server: Any, worker: Any) -> None:
    """Close the database, so that SQLite leaves a single file without a WAL."""
    from hextrackr import database

    if app := getattr(worker, "wsgi", None):
        app.extensions["reader"].close()  # first, as it may be reading the database
        database.close(app)


def _stop_gracefully(worker: Any) -> None:
    """On SIGTERM, release the running import and close idle connections first; gunicorn would wait for these until its graceful timeout.

    Do the same if gunicorn's main process has died: the eventlet worker does not notice that, and would occupy the port forever.
    """
    from hextrackr.extensions import socketio
    from hextrackr.jobs import wiring

    def leave(signum: int) -> None:
        try:
            wiring.stop(worker.wsgi)
        finally:
            worker.connections.stop()
            worker.handle_exit(signum, None)

    def watch_parent() -> None:
        while os.getppid() == worker.ppid:
            socketio.sleep(PARENT_CHECK_INTERVAL)
        worker.log.warning("The server's main process has died, so this process stops as well")
        leave(signal.SIGTERM)

    socketio.start_background_task(watch_parent)
    signal.signal(signal.SIGTERM, lambda signum, _frame: socketio.start_background_task(leave, signum))


def _limit_connections(worker: Any) -> None:
    """Limit the number of connections and the time that requests may take to arrive; see :mod:`hextrackr.connections`."""
    from hextrackr.extensions import socketio

    # With gthread, each websocket and each request needs a thread.
    total = connections.capacity((threads if worker_class == "gthread" else worker_connections) * 19 // 20)
    per_address = None if _config.TRUSTED_PROXIES else min(2 * _config.SOCKETS_PER_ADDRESS, total * 9 // 10)
    worker.connections = connections.Connections(total, per_address)
    worker.sockets = [connections.Listener(each, worker.connections, socketio.sleep) for each in worker.sockets]
    worker.wsgi.wsgi_app = connections.Arrivals(worker.wsgi.wsgi_app, worker.connections)

    def watch() -> None:
        while True:
            socketio.sleep(connections.CHECK_INTERVAL)
            worker.connections.end_overdue()

    socketio.start_background_task(watch)


class _Upgrades:
    """WSGI middleware that passes the connection of a websocket to Engine.IO in the way that eventlet's own server does."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        if "HTTP_UPGRADE" in environ:
            environ["eventlet.input"] = _Input(environ["gunicorn.socket"])
        return self._app(environ, start_response)


class _Input:
    """The object in which eventlet's server passes a connection."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def get_socket(self) -> Any:
        return self._connection
