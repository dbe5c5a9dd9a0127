"""The pages; their data comes from the API."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, url_for
from werkzeug.wrappers import Response

from hextrackr.errors import NotFound
from hextrackr.extensions import import_registry

blueprint = Blueprint("pages", __name__)


@blueprint.get("/")
def home() -> Response:
    """The page where everything starts."""
    return redirect(url_for("pages.imports"))


@blueprint.get("/imports")
def imports() -> str:
    """Import a file, and see what was imported."""
    return render_template("imports.html")


@blueprint.get("/imports/<int:import_id>")
def one_import(import_id: int) -> str:
    """What one import did.

    :raises NotFound: there is no such import.
    """
    record = import_registry.get(import_id)
    if record is None:
        raise NotFound("There is no import with this number.", "UNKNOWN_IMPORT")
    return render_template("import.html", record=record)


@blueprint.get("/vulnerabilities")
def vulnerabilities() -> str:
    """What stands open on which host."""
    return render_template("vulnerabilities.html")
