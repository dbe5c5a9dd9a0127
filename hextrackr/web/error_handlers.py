"""The one place where errors become HTTP: JSON for the API, a page for people."""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

from flask import Flask, Response, jsonify, render_template, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException, InternalServerError, RequestEntityTooLarge, TooManyRequests

from hextrackr.db.error_mapping import error_from_exception
from hextrackr.errors import ErrorRecord, HexTrackrError, TooMany, UploadTooLarge

log = logging.getLogger(__name__)


def init_app(app: Flask) -> None:
    """Register the handlers."""
    app.register_error_handler(HexTrackrError, ours)
    app.register_error_handler(HTTPException, werkzeugs)
    app.register_error_handler(SQLAlchemyError, librarys)
    app.register_error_handler(OSError, librarys)


def ours(error: HexTrackrError) -> tuple[Response | str, int]:
    """One of our errors: it knows its status."""
    return _answer(error.record(), error.status)


def librarys(error: Exception) -> tuple[Response | str, int]:
    """What the database or the disk says; the log has it where we have no better word than that something went wrong."""
    known = error_from_exception(error)
    if known.code == HexTrackrError.code:
        log.error("%s %s failed", request.method, request.path, exc_info=error)
    return ours(known)


def werkzeugs(error: HTTPException) -> tuple[Response | str, int]:
    """One of the framework's; a crash arrives here as a 500 whose cause is in the log."""
    if isinstance(error, InternalServerError):
        return ours(HexTrackrError())
    if isinstance(error, RequestEntityTooLarge):
        return ours(UploadTooLarge())
    if isinstance(error, TooManyRequests):
        return ours(TooMany())
    code = error.name.upper().replace(" ", "_")
    return _answer({"code": code, "detail": error.description or error.name}, error.code or 500)


def _answer(error: ErrorRecord, status: int) -> tuple[Response | str, int]:
    if request.path.startswith(("/api/", "/health", "/ready", "/metrics")):
        # Other clients look for a sentence under the name of the one that a success has.
        return jsonify(error=error, message=error["detail"]), status
    title, detail = error["code"].replace("_", " ").capitalize(), error["detail"]
    if status == 404 and error["code"].startswith("UNKNOWN_"):
        title, detail = detail.removesuffix("."), "An undo, a restore or a clear may have taken it off the record."
    elif status == 404:
        title, detail = f"No page {request.path}", "Check the address, or search for what you are looking for."
    return render_template("error.html", code=status, title=title, detail=detail, back=_page_before()), status


def _page_before() -> str:
    """The page of ours that led here; empty if none did."""
    before = urlsplit(request.referrer or "")
    if before.netloc != request.host or before.path == request.path:
        return ""
    path = "/" + before.path.lstrip("/")
    return f"{path}?{before.query}" if before.query else path
