"""Whose requests are answered: under which names, from which pages, how many of them, with which bodies; and the headers of every answer.

A body that is no JSON, and a number in a path that no row can have, are refused before a view sees them. No request writes to a record that
is being replaced: each one that may write holds the lock that a restore waits for.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flask import Flask, g, request
from flask.json.provider import DefaultJSONProvider
from flask_limiter import Limiter
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import IntegerConverter

from hextrackr.auth import actors
from hextrackr.auth.guard import OwnOrigins, is_among
from hextrackr.auth.logins import network_of
from hextrackr.errors import CrossSite, RequestError
from hextrackr.extensions import maintenance_lock
from hextrackr.queries.parameters import MAX_NUMBER

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
            use_monotonic_fallback(limiter)


def _storage(redis_url: str) -> dict[str, Any]:
    """Return the options for where requests are counted: in this process, or in Redis for all processes, with a fallback to this one."""
    if not redis_url:
        return {"storage_uri": "monotonic://"}
    from hextrackr import redis

    return {
        "storage_uri": redis_url,
        "storage_options": redis.options(),
        "key_prefix": redis.PREFIX,
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


#: The number of counters at which expired ones are dropped.
MANY = 1_000


@dataclass
class _Window:
    """The number of requests in a window, and when it ends (monotonic, s)."""

    ends: float
    count: int = 0


class MonotonicStorage(Storage):
    """A storage for fixed windows of the library "limits".

    The library's own storage uses the wall clock, and would refuse all requests for an hour if that is set back by an hour.
    """

    STORAGE_SCHEME = ["monotonic"]

    def __init__(self, uri: str | None = None, clock: Callable[[], float] | None = None, **options: Any) -> None:
        super().__init__(uri, **options)
        self._clock = clock or time.monotonic
        self._lock = threading.Lock()
        self._windows: dict[str, _Window] = {}

    @property
    def base_exceptions(self) -> type[Exception]:
        return ValueError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add ``amount`` requests to a window of ``expiry`` seconds, and return the number of requests in it."""
        with self._lock:
            window = self._current(key)
            if window is None:
                if len(self._windows) >= MANY:
                    self._drop_expired()
                window = self._windows[key] = _Window(self._clock() + expiry)
            window.count += amount
            return window.count

    def get(self, key: str) -> int:
        """Return the number of requests in the current window."""
        with self._lock:
            window = self._current(key)
            return window.count if window else 0

    def get_expiry(self, key: str) -> float:
        """Return when the current window ends, in seconds since the epoch, for the headers of the response."""
        with self._lock:
            window = self._current(key)
            return time.time() + (window.ends - self._clock() if window else 0)

    def check(self) -> bool:
        """Return whether the storage works."""
        return True

    def reset(self) -> int:
        """Remove all windows, and return their number."""
        with self._lock:
            count = len(self._windows)
            self._windows.clear()
            return count

    def clear(self, key: str) -> None:
        """Remove one window."""
        with self._lock:
            self._windows.pop(key, None)

    def _current(self, key: str) -> _Window | None:
        window = self._windows.get(key)
        if window is not None and window.ends <= self._clock():
            del self._windows[key]
            return None
        return window

    def _drop_expired(self) -> None:
        now = self._clock()
        for key in [key for key, window in self._windows.items() if window.ends <= now]:
            del self._windows[key]


def use_monotonic_fallback(limiter: Limiter) -> None:
    """Use this storage while Redis is unavailable; Flask-Limiter has no option for its fallback."""
    limiter._fallback_limiter = FixedWindowRateLimiter(MonotonicStorage())


#: Characters that databases cannot store: NUL and surrogates.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
#: The maximum nesting of arrays and objects.
MAX_DEPTH = 32


class BoundedJSON(DefaultJSONProvider):
    """Flask's JSON provider, except that nesting beyond Python's recursion limit is a :class:`ValueError`."""

    def loads(self, s: str | bytes, **options: Any) -> Any:
        """Decode.

        :raises ValueError: the text is not JSON, or is nested too deeply.
        """
        try:
            return super().loads(s, **options)
        except RecursionError:
            raise ValueError("nested too deeply") from None


def check_bodies(app: Flask) -> None:
    """Check the body of every JSON request."""
    app.json = BoundedJSON(app)
    app.json.sort_keys = False
    app.before_request(refuse_malformed)


def refuse_malformed() -> None:
    """Refuse a JSON request whose body is not valid JSON, whether or not the view reads it.

    :raises RequestError: the body is malformed, nested too deeply, or has characters that cannot be stored.
    """
    if not request.is_json or request.content_length == 0:
        return
    value = request.get_json(silent=True)
    try:
        if value is None and request.get_data(cache=True).strip() not in (b"", b"null"):
            raise ValueError("not JSON")
        _check(value, MAX_DEPTH)
    except ValueError:
        raise RequestError(
            "The body is not valid JSON: it is malformed, nested too deeply or contains invalid characters."
        ) from None


def _check(value: Any, depth: int) -> None:
    """Check the nesting and the strings of a decoded value.

    :raises ValueError: it is nested too deeply, or has a string that cannot be stored.
    """
    if isinstance(value, str):
        if _UNSTORABLE.search(value):
            raise ValueError("a string that cannot be stored")
    elif isinstance(value, (dict, list)):
        if not depth:
            raise ValueError("nested too deeply")
        for each in [*value, *value.values()] if isinstance(value, dict) else value:
            _check(each, depth - 1)


class IdConverter(IntegerConverter):
    """An id in a path, such as ``/hosts/<int:host_id>``; a number that is too large for an id is a 404."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **{"max": MAX_NUMBER, **options})


#: Endpoints that take the lock themselves after the upload, and those that replace the record.
_EXCEPT = ("imports.import_staging", "imports.import_and_wait", "backups.", "sources.merge")


def hold_for_writers(app: Flask) -> None:
    """Acquire the lock before a request, and release it after the response was made."""
    app.before_request(_acquire)
    app.teardown_request(_release)


def _acquire() -> None:
    if request.method in ("GET", "HEAD", "OPTIONS") or request.endpoint is None or request.endpoint.startswith(_EXCEPT):
        return
    g.maintenance_lock = ExitStack()
    g.maintenance_lock.enter_context(maintenance_lock.writing())


def _release(_error: BaseException | None) -> None:
    if (lock := g.pop("maintenance_lock", None)) is not None:
        lock.close()


#: The headers; a response that sets one of them itself is not changed.
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    # Findings must not be cached on disk; static files set their own header.
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


def add_headers(app: Flask) -> None:
    """Add the headers. Pages have no inline scripts, so the policy allows only our own files."""
    app.wsgi_app = SecurityHeaders(app.wsgi_app)  # type: ignore[method-assign]


class SecurityHeaders:
    """WSGI middleware that adds the headers."""

    def __init__(self, app: WsgiApp) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            present = {name.lower() for name, _ in headers}
            missing = [(name, value) for name, value in HEADERS.items() if name.lower() not in present]
            return start_response(status, [*headers, *missing], *more)

        return self._app(environ, start)
