"""Run imports in worker processes that Celery wakes. Loaded only if ``IMPORT_WORKERS`` is ``celery``, and by the workers.

::

    web process ── row `queued`, task ──► worker process (worker loop) ── job ──► importer process
                ◄── events, through Redis ──┘

A worker process is the app without its web server, and runs imports in the same way as the web process does by default. Celery decides
nothing: the import's row says who works on it (:mod:`.queue`), and workers read the rows every second anyway. A task that comes twice, or
to the wrong worker, or never, only changes how soon a worker looks.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from celery import Celery
from celery.signals import setup_logging, worker_init, worker_shutting_down
from kombu.exceptions import OperationalError

from hextrackr import logs, redis

from . import wiring

if TYPE_CHECKING:
    from flask import Flask

    from hextrackr.redis import Shared

    from .worker import Worker

#: The name of the task, whose argument is the number of an import.
TASK = "hextrackr.run_import"
QUEUE = "hextrackr-imports"
#: The logger that reports tasks which could not be acknowledged.
ACKNOWLEDGING = "celery.worker.request"


class WorkerNotifier:
    """Wakes the worker processes when an import is ready: sends tasks in the background, while Redis answers.

    :param start_task: starts a background task in the server's async mode.
    """

    def __init__(self, redis_url: str, shared: Shared, start_task: Callable[..., Any]) -> None:
        self._celery = celery_app(redis_url)
        self._shared = shared
        self._start_task = start_task

    def notify(self, import_id: int) -> None:
        """Notify a worker process of an import."""
        self._start_task(self._send, import_id)

    def _send(self, import_id: int) -> None:
        if not self._shared.breaker.closed:
            return
        try:
            self._celery.send_task(TASK, args=[import_id], retry=False)
        except OperationalError as error:
            self._shared.publisher.lost(error)


def worker_of(app: Flask, redis_url: str) -> Celery:
    """Make the Celery app of a worker process that works with this app."""
    celery = celery_app(redis_url)
    worker: Worker = app.extensions["import_worker"]

    @celery.task(name=TASK)  # type: ignore[untyped-decorator]
    def run_import(import_id: int) -> None:
        """Acknowledged when the import is done, is somebody else's, or is released because this process ends."""
        with app.app_context():
            worker.wait_for(import_id)

    @setup_logging.connect(weak=False)  # type: ignore[untyped-decorator]
    def configure_logs(**_: object) -> None:
        logs.begin_child(app.config["LOG_FORMAT"], app.config["LOG_LEVEL"], "worker")
        logging.getLogger(ACKNOWLEDGING).addFilter(soften_acknowledgement_errors)

    @worker_init.connect(weak=False)  # type: ignore[untyped-decorator]
    def begin(**_: object) -> None:
        wiring.start(app)

    @worker_shutting_down.connect(weak=False)  # type: ignore[untyped-decorator]
    def end(**_: object) -> None:
        # Called in a signal handler: the interrupted code may hold locks.
        threading.Thread(target=wiring.stop, args=(app,)).start()

    return celery


def celery_app(redis_url: str) -> Celery:
    """Make the Celery app, which is the same for web and worker processes."""
    app = Celery("hextrackr", broker=redis_url, set_as_current=False)
    app.conf.update(
        task_default_queue=QUEUE,
        task_ignore_result=True,
        task_acks_late=True,  # a worker that dies leaves its task to another
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        worker_pool="threads",  # the importer, a child process, does the work; a thread only waits for it
        worker_concurrency=1,
        worker_hijack_root_logger=False,
        worker_enable_remote_control=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            "socket_timeout": redis.PATIENCE,
            "socket_connect_timeout": redis.PATIENCE,
            "global_keyprefix": redis.PREFIX,
        },
    )
    return app


def soften_acknowledgement_errors(record: logging.LogRecord) -> bool:
    """Filter the log: turn Celery's critical error with a traceback, when Redis does not answer, into a warning, as no harm is done."""
    if str(record.msg).startswith(("Couldn't ack", "Couldn't reject")):
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        record.msg = "A task could not be acknowledged, as Redis does not answer. It will come again, for an import that is done."
        record.args, record.exc_info, record.exc_text = (), None, None
    return logging.getLogger().isEnabledFor(record.levelno)
