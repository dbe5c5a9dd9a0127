"""Security headers of every answer, those of the sockets and of errors included."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask, Response, g

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_POLICY = (
    "default-src 'self'; {scripts}; style-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
#: For every answer; one that has set a header itself keeps its own.
HEADERS = {
    "Content-Security-Policy": _POLICY.format(scripts="script-src 'self'"),
    # What is on record is for nobody's disk; the pages' own files say otherwise.
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


def init_app(app: Flask) -> None:
    """Set the headers, and give templates ``csp_nonce``: a page's scripts are our own files, or have this answer's nonce."""
    app.context_processor(lambda: {"csp_nonce": _nonce()})
    app.after_request(_allow_nonce)
    app.wsgi_app = SecurityHeaders(app.wsgi_app)  # type: ignore[method-assign]


class SecurityHeaders:
    """WSGI wrapper that adds the headers to whatever answers."""

    def __init__(self, app: WsgiApp) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            there = {name.lower() for name, _ in headers}
            missing = [(name, value) for name, value in HEADERS.items() if name.lower() not in there]
            return start_response(status, [*headers, *missing], *more)

        return self._app(environ, start)


def _nonce() -> str:
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(16)
    return str(g.csp_nonce)


def _allow_nonce(response: Response) -> Response:
    if "csp_nonce" in g:
        policy = _POLICY.format(scripts=f"script-src 'self' 'nonce-{_nonce()}'")
        response.headers["Content-Security-Policy"] = policy
    return response
