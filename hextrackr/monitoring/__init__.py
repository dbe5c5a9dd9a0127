"""What an operator asks: how the server does (``/metrics``), and whether it can do its work (``/ready``).

``prometheus_client`` counts. It is loaded with the app unless ``METRICS=off``; the importer process and the workers have none of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import readiness

if TYPE_CHECKING:
    from flask import Flask

    from hextrackr.config import Config


def init_app(app: Flask, config: Config) -> None:
    """Give the app its metrics; with ``METRICS=off`` nothing is counted. Sessions in memory are a store that is always there."""
    app.extensions["metrics"] = None
    app.extensions["store_check"] = lambda: readiness.OK
    if config.METRICS == "on":
        from .metrics import Metrics

        app.extensions["metrics"] = Metrics(app)
