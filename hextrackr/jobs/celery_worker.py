"""A worker process: the app without its web server, at work on imports as the web process of the embedded default is.

::

    web process ── row `queued`, task ──► worker process (supervisor) ── job ──► importer process
                ◄── events, through Redis ──┘
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from celery import Celery
from celery.signals import setup_logging, worker_init, worker_shutting_down

from hextrackr import logs

from . import wiring
from .celery_app import TASK, celery_app

if TYPE_CHECKING:
    from flask import Flask

    from .supervisor import Supervisor


#: Who logs that a task could not be acknowledged.
ACKNOWLEDGING = "celery.worker.request"


def worker_of(app: Flask, redis_url: str) -> Celery:
    """The Celery app of a worker process that works with this app."""
    celery = celery_app(redis_url)
    supervisor: Supervisor = app.extensions["import_supervisor"]

    @celery.task(name=TASK)  # type: ignore[untyped-decorator]
    def run_import(import_id: int) -> None:
        """Acknowledged when the import is done, is somebody else's, or is let go of because this process ends."""
        with app.app_context():
            supervisor.see_through(import_id)

    @setup_logging.connect(weak=False)  # type: ignore[untyped-decorator]
    def log_our_way(**_: object) -> None:
        logs.begin_child(app.config["LOG_FORMAT"], app.config["LOG_LEVEL"], "worker")
        logging.getLogger(ACKNOWLEDGING).addFilter(plainly)

    @worker_init.connect(weak=False)  # type: ignore[untyped-decorator]
    def begin(**_: object) -> None:
        wiring.start(app)

    @worker_shutting_down.connect(weak=False)  # type: ignore[untyped-decorator]
    def end(**_: object) -> None:
        # Called within a signal handler: locks may be held by the very code that was interrupted.
        threading.Thread(target=wiring.stop, args=(app,)).start()

    return celery


def plainly(record: logging.LogRecord) -> bool:
    """A filter of the log: where Redis did not answer Celery brings a traceback at its highest level, and it is no harm."""
    if str(record.msg).startswith(("Couldn't ack", "Couldn't reject")):
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        record.msg = "Redis did not hear that a task is done; it will send it again, and the import will be found done."
        record.args, record.exc_info, record.exc_text = (), None, None
    return logging.getLogger().isEnabledFor(record.levelno)
