"""Refuse requests with a foreign host name, from pages of other sites, and beyond the rate limit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flask import Flask, request
from flask_limiter import Limiter
from werkzeug.middleware.proxy_fix import ProxyFix

from hextrackr.auth import actors
from hextrackr.auth.lockout import network_of
from hextrackr.auth.origins import OwnOrigins, is_among
from hextrackr.errors import CrossSite

from . import rates

if TYPE_CHECKING:
    from hextrackr.config import Config

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

#: Methods that change nothing (RFC 9110, section 9.2.1).
_SAFE = ("GET", "HEAD", "OPTIONS")


def init_app(app: Flask, config: Config) -> None:
    """Set up the checks. Sockets are behind the same middleware, and check the origin themselves."""
    own = OwnOrigins(config.allowed_origins, config.ALLOWED_HOSTS)
    app.before_request(lambda: refuse_cross_site(own))
    app.wsgi_app = TrustedHosts(app.wsgi_app, config.allowed_hosts)  # type: ignore[method-assign]
    if config.TRUSTED_PROXIES:
        count = config.TRUSTED_PROXIES
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=count, x_proto=count, x_host=count
        )
    if config.API_RATE_LIMIT != "off":
        limiter = Limiter(
            lambda: network_of(request.remote_addr or "127.0.0.1"),
            app=app,
            application_limits=[config.API_RATE_LIMIT],
            application_limits_exempt_when=lambda: not request.path.startswith("/api/"),
            headers_enabled=True,
            **_storage(config.REDIS_URL),
        )
        if config.REDIS_URL:
            rates.use_monotonic_fallback(limiter)


def _storage(redis_url: str) -> dict[str, Any]:
    """Return the options for where requests are counted: in this process, or in Redis for all processes, with a fallback to this one."""
    if not redis_url:
        return {"storage_uri": "monotonic://"}
    from hextrackr.redis import redis_client

    return {
        "storage_uri": redis_url,
        "storage_options": redis_client.options(),
        "key_prefix": redis_client.PREFIX,
        "in_memory_fallback_enabled": True,
        "swallow_errors": True,
    }


def refuse_cross_site(own: OwnOrigins) -> None:
    """Refuse a request that changes something and comes from a page of another site (CSRF).

    Browsers send the origin of a request in ``Sec-Fetch-Site`` and ``Origin`` (W3C Fetch Metadata; OWASP, "Cross-Site Request Forgery
    Prevention"). Other programs send neither. Browsers do not add tokens by themselves, so requests with a token are not checked.

    :raises CrossSite: the request comes from another site.
    """
    if request.method in _SAFE or actors.has_token():
        return
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
    if origin is not None:
        if not own.include(origin, request.environ.get("HTTP_HOST", "")):
            raise CrossSite(own.hint(origin))
    elif site not in (None, "same-origin", "none"):
        raise CrossSite


class TrustedHosts:
    """WSGI middleware that refuses requests with other host names.

    :param hosts: the accepted names, empty for any; a name with a leading dot includes its subdomains.
    """

    def __init__(self, app: WsgiApp, hosts: Sequence[str]) -> None:
        self._app = app
        self._hosts = hosts

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if not self._hosts or self._is_ours(environ.get("HTTP_HOST", "")):
            return self._app(environ, start_response)
        body = b"This server does not accept this host name; the setting ALLOWED_HOSTS lists the accepted ones."
        headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))]
        start_response("421 Misdirected Request", headers)
        return [body]

    def _is_ours(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        return is_among(name, self._hosts)
