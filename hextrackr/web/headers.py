"""Security headers of every answer; scripts run only from our own files, or with this answer's nonce."""

from __future__ import annotations

import secrets

from flask import Flask, Response, g


def init_app(app: Flask) -> None:
    """Set the headers, and give templates ``csp_nonce``."""
    app.context_processor(lambda: {"csp_nonce": _nonce()})
    app.after_request(_set)


def _nonce() -> str:
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(16)
    return str(g.csp_nonce)


def _set(response: Response) -> Response:
    policy = [
        "default-src 'self'",
        f"script-src 'self' 'nonce-{_nonce()}'" if response.mimetype == "text/html" else "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ]
    response.headers.setdefault("Content-Security-Policy", "; ".join(policy))
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    return response
