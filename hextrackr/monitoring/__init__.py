"""Monitoring: the metrics of the server (``/metrics``) and its readiness (``/ready``).

``prometheus_client`` is imported with the app unless ``METRICS=off``; the importer process and the workers never import it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import readiness

if TYPE_CHECKING:
    from flask import Flask

    from hextrackr.config import Config


def init_app(app: Flask, config: Config) -> None:
    """Add the metrics, unless ``METRICS=off``, and a check of the session store that always passes, for the store in memory."""
    app.extensions["metrics"] = None
    app.extensions["store_check"] = lambda: readiness.OK
    if config.METRICS == "on":
        from .metrics import Metrics

        app.extensions["metrics"] = Metrics(app)
