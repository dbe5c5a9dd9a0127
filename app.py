"""The app as gunicorn and ``flask`` find it in the repository; :mod:`hextrackr.serving.wsgi` builds it."""

from hextrackr.serving.wsgi import app

__all__ = ["app"]
