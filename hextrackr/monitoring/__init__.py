"""What an operator asks: how the server does (``/metrics``), and whether it can do its work (``/ready``).

Figures are plain numbers counted as events go out; ``prometheus_client`` is loaded when ``/metrics`` is asked for the first time, and
so is the ticker that watches the event loop. The importer process has none of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import readiness
from .figures import Figures

if TYPE_CHECKING:
    from flask import Flask

    from hextrackr.config import Config


def init_app(app: Flask, config: Config) -> None:
    """Give the app its figures; with ``METRICS=off`` nothing is counted. Sessions in memory are a store that is always there."""
    app.extensions["figures"] = Figures() if config.METRICS == "on" else None
    app.extensions["store_check"] = lambda: readiness.OK
