"""Check whether the server sees a request as the client sent it, and name the line of the proxy's configuration that is missing.

The page **Connection** and ``hextrackr doctor`` send a request through the proxy, with the address that they used as a parameter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

#: Values of ``HOST`` with which no other machine reaches the server.
LOOPBACK = ("localhost", "127.0.0.1", "::1")
_PORTS = {"http": 80, "https": 443}

#: Lines of an nginx configuration that the advice names.
LINES = {
    "scheme": "proxy_set_header X-Forwarded-Proto $scheme;",
    "host": "proxy_set_header Host $http_host;",
    "address": "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
    "websocket": "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $hextrackr_connection;",
    "upload": "client_max_body_size 2050m;",
}


@dataclass(frozen=True)
class Check:
    """The result of one check: what was seen, whether that is correct, and if not, what to change."""

    name: str
    ok: bool
    seen: str
    advice: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the result as the API sends it."""
        return asdict(self)


@dataclass(frozen=True)
class Seen:
    """A request as the server sees it, and the settings that apply to it."""

    scheme: str
    host: str
    address: str
    #: The headers ``X-Forwarded-For`` and ``X-Forwarded-Proto``, unchanged.
    forwarded_for: str
    forwarded_proto: str
    trusted_proxies: int
    allowed_hosts: tuple[str, ...]
    is_on_loopback: bool


def checks(seen: Seen, page: str) -> Iterator[Check]:
    """Compare the request as the server sees it with the origin that the client used.

    :param page: the origin, such as ``https://scans.example.org``.
    """
    used = urlsplit(page)
    yield _scheme(seen, used.scheme)
    yield _host(seen, used.netloc, used.scheme)
    yield _address(seen)
    yield _names(seen, used.hostname or "")


def _scheme(seen: Seen, used: str) -> Check:
    ok = seen.scheme == used
    if ok:
        advice = ""
    elif not seen.trusted_proxies:
        advice = f"The page was opened with {used}. Set TRUSTED_PROXIES=1, and in the proxy: {LINES['scheme']}"
    else:
        advice = f"The page was opened with {used}. In the proxy: {LINES['scheme']}"
    return Check("Scheme", ok, seen.scheme, advice)


def _host(seen: Seen, used: str, scheme: str) -> Check:
    ok = _with_port(seen.host, scheme) == _with_port(used, scheme)
    return Check("Host", ok, seen.host, "" if ok else f"The client used the name {used}. In the proxy: {LINES['host']}")


def _address(seen: Seen) -> Check:
    if seen.forwarded_for and not seen.trusted_proxies:
        advice = "All clients share the rate limits of one. Set TRUSTED_PROXIES to the number of proxies, such as TRUSTED_PROXIES=1."
        return Check("Client address", False, seen.address, advice)
    if seen.trusted_proxies and not seen.forwarded_for:
        advice = f"In the proxy: {LINES['address']} Or, without a proxy, set TRUSTED_PROXIES=0."
        return Check("Client address", False, seen.address, advice)
    return Check("Client address", True, seen.address)


def _names(seen: Seen, used: str) -> Check:
    names = ", ".join(seen.allowed_hosts) or ("this machine's" if seen.is_on_loopback else "any")
    ok = bool(seen.allowed_hosts) or seen.is_on_loopback
    return Check("Names", ok, names, "" if ok else f"The server accepts any host name. Set ALLOWED_HOSTS={used}")


def _with_port(host: str, scheme: str) -> tuple[str, int | None]:
    try:
        parts = urlsplit(f"//{host}")
        return parts.hostname or "", parts.port or _PORTS.get(scheme)
    except ValueError:
        return host, None


def seen_in(environ: Mapping[str, Any], config: Mapping[str, Any]) -> Seen:
    """Return a WSGI request as the server sees it, with the settings of the app."""
    return Seen(
        scheme=environ["wsgi.url_scheme"],
        host=environ.get("HTTP_HOST", ""),
        address=environ.get("REMOTE_ADDR", ""),
        forwarded_for=environ.get("HTTP_X_FORWARDED_FOR", ""),
        forwarded_proto=environ.get("HTTP_X_FORWARDED_PROTO", ""),
        trusted_proxies=config["TRUSTED_PROXIES"],
        allowed_hosts=config["ALLOWED_HOSTS"],
        is_on_loopback=config["HOST"] in LOOPBACK,
    )
