"""What an operator monitors: the metrics of the server (``/metrics``), and whether it can work (``/ready``).

``prometheus_client`` is loaded with the app unless ``METRICS=off``; the importer process and the workers never load it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import readiness

if TYPE_CHECKING:
    from flask import Flask

    from hextrackr.config import Config


def init_app(app: Flask, config: Config) -> None:
    """Add the metrics to the app, unless ``METRICS=off``; and the check of the session store, which in memory always works."""
    app.extensions["metrics"] = None
    app.extensions["store_check"] = lambda: readiness.OK
    if config.METRICS == "on":
        from .metrics import Metrics

        app.extensions["metrics"] = Metrics(app)
