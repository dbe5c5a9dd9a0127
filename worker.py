"""The worker as ``celery -A worker worker`` finds it in the repository; :mod:`hextrackr.serving.worker` builds it."""

from hextrackr.serving.worker import celery

__all__ = ["celery"]
