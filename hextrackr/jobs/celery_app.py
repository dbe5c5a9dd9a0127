"""The Celery app that wakes workers: one task, which names an import. Loaded only where ``IMPORT_WORKERS`` is ``celery``.

Celery decides nothing: who works on an import stands in its row (:mod:`.leases`), and workers look there by themselves every second. A
task that comes twice, or to the wrong worker, or never, changes only how soon one of them looks.
"""

from __future__ import annotations

from celery import Celery

from hextrackr.redis import redis_client

#: The name of the task, whose argument is the number of an import.
TASK = "hextrackr.run_import"
QUEUE = "hextrackr-imports"


def celery_app(redis_url: str) -> Celery:
    """The app, the same for who sends and who works."""
    app = Celery("hextrackr", broker=redis_url, set_as_current=False)
    app.conf.update(
        task_default_queue=QUEUE,
        task_ignore_result=True,
        task_acks_late=True,  # a worker that dies leaves its task to another
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        worker_pool="threads",  # the work is done by the importer, a child process; here it is waited for
        worker_concurrency=1,
        worker_hijack_root_logger=False,
        worker_enable_remote_control=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            "socket_timeout": redis_client.PATIENCE,
            "socket_connect_timeout": redis_client.PATIENCE,
            "global_keyprefix": redis_client.PREFIX,
        },
    )
    return app
