"""Whether the server is up."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from hextrackr import __version__

blueprint = Blueprint("system", __name__)


@blueprint.get("/health")
def health() -> dict[str, Any]:
    """Alive: answers as long as the event loop turns."""
    return {"status": "ok", "version": __version__}
