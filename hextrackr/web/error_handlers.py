"""Turn errors into HTTP responses: JSON for the API, a page for browsers."""

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
    app.register_error_handler(HexTrackrError, handle_hextrackr_error)
    app.register_error_handler(HTTPException, handle_http_exception)
    app.register_error_handler(SQLAlchemyError, handle_library_error)
    app.register_error_handler(OSError, handle_library_error)


def handle_hextrackr_error(error: HexTrackrError) -> tuple[Response | str, int]:
    """Answer one of our own errors."""
    return _answer(error.record(), error.status)


def handle_library_error(error: Exception) -> tuple[Response | str, int]:
    """Answer an error of the database or the disk, and log it if it is unexpected."""
    mapped = error_from_exception(error)
    if mapped.code == HexTrackrError.code:
        log.error("%s %s failed", request.method, request.path, exc_info=error)
    return handle_hextrackr_error(mapped)


def handle_http_exception(error: HTTPException) -> tuple[Response | str, int]:
    """Answer an error of the framework; an unhandled exception arrives here as a 500, which Flask has logged."""
    if isinstance(error, InternalServerError):
        return handle_hextrackr_error(HexTrackrError())
    if isinstance(error, RequestEntityTooLarge):
        return handle_hextrackr_error(UploadTooLarge())
    if isinstance(error, TooManyRequests):
        return handle_hextrackr_error(TooMany())
    code = error.name.upper().replace(" ", "_")
    return _answer({"code": code, "detail": error.description or error.name}, error.code or 500)


def _answer(error: ErrorRecord, status: int) -> tuple[Response | str, int]:
    if request.path.startswith(("/api/", "/health", "/ready", "/metrics")):
        # Other clients expect the sentence in ``message``, as in a successful response.
        return jsonify(error=error, message=error["detail"]), status
    title, detail = error["code"].replace("_", " ").capitalize(), error["detail"]
    if status == 404 and error["code"].startswith("UNKNOWN_"):
        title = detail.removesuffix(".")
        detail = "It may have been removed when an import was undone or data was restored."
    elif status == 404:
        title, detail = f"No page {request.path}", "Check the address, or search for what you are looking for."
    return render_template("error.html", code=status, title=title, detail=detail, back=_page_before()), status


def _page_before() -> str:
    """Return the path of our page with the link that led here; empty if there is none."""
    before = urlsplit(request.referrer or "")
    if before.netloc != request.host or before.path == request.path:
        return ""
    path = "/" + before.path.lstrip("/")
    return f"{path}?{before.query}" if before.query else path
