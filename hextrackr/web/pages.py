"""The pages; their data comes from the API."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, url_for
from werkzeug.wrappers import Response

blueprint = Blueprint("pages", __name__)


@blueprint.get("/")
def home() -> Response:
    """The page where everything starts."""
    return redirect(url_for("pages.imports"))


@blueprint.get("/imports")
def imports() -> str:
    """Import a file, and see what was imported."""
    return render_template("imports.html")


@blueprint.get("/vulnerabilities")
def vulnerabilities() -> str:
    """What stands open on which host."""
    return render_template("vulnerabilities.html")
