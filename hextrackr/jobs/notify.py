"""Wakes the workers when an import is ready. What is lost on the way is no harm: they look by themselves every second."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from kombu.exceptions import OperationalError

from hextrackr.redis import Shared

from .celery_app import TASK, celery_app

log = logging.getLogger(__name__)


class WorkerNotifier:
    """Sends tasks in the background, while Redis answers.

    :param start_task: starts a background task in the server's async mode.
    """

    def __init__(self, redis_url: str, shared: Shared, start_task: Callable[..., Any]) -> None:
        self._celery = celery_app(redis_url)
        self._shared = shared
        self._start_task = start_task

    def ring(self, import_id: int) -> None:
        """Tell a worker of an import."""
        self._start_task(self._send, import_id)

    def _send(self, import_id: int) -> None:
        if not self._shared.breaker.closed:
            return
        try:
            self._celery.send_task(TASK, args=[import_id], retry=False)
        except OperationalError as error:
            self._shared.publisher.lost(error)
