"""Whether what the server sees of a request is what its client has sent: what a proxy in between changes, and the line that puts it right.

The page **Connection** and ``hextrackr doctor`` ask through the proxy and tell the server under which address they did.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

#: What ``HOST`` is where nobody else reaches the server.
LOOPBACK = ("localhost", "127.0.0.1", "::1")
_PORTS = {"http": 80, "https": 443}

#: The lines of a site of nginx that the checks name.
LINES = {
    "scheme": "proxy_set_header X-Forwarded-Proto $scheme;",
    "host": "proxy_set_header Host $http_host;",
    "address": "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
    "websocket": "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $hextrackr_connection;",
    "upload": "client_max_body_size 2050m;",
}


@dataclass(frozen=True)
class Check:
    """What was looked at, whether it is right, and if not, what to change."""

    name: str
    ok: bool
    seen: str
    advice: str = ""

    def told(self) -> dict[str, Any]:
        """As the API has it."""
        return asdict(self)


@dataclass(frozen=True)
class Seen:
    """What the server sees of a request, and its settings."""

    scheme: str
    host: str
    address: str
    #: The headers ``X-Forwarded-For`` and ``X-Forwarded-Proto``, as they came.
    forwarded_for: str
    forwarded_proto: str
    trusted_proxies: int
    allowed_hosts: tuple[str, ...]
    is_on_loopback: bool


def checks(seen: Seen, page: str) -> Iterator[Check]:
    """Compare what is seen with the origin under which the client has asked.

    :param page: such as ``https://scans.example.org``.
    """
    asked = urlsplit(page)
    yield _scheme(seen, asked.scheme)
    yield _host(seen, asked.netloc, asked.scheme)
    yield _address(seen)
    yield _names(seen, asked.hostname or "")


def _scheme(seen: Seen, asked: str) -> Check:
    ok = seen.scheme == asked
    if ok:
        advice = ""
    elif not seen.trusted_proxies:
        advice = f"The page is shown by {asked}. Set TRUSTED_PROXIES=1, and in the proxy: {LINES['scheme']}"
    else:
        advice = f"The page is shown by {asked}. In the proxy: {LINES['scheme']}"
    return Check("Scheme", ok, seen.scheme, advice)


def _host(seen: Seen, asked: str, scheme: str) -> Check:
    ok = _with_port(seen.host, scheme) == _with_port(asked, scheme)
    return Check("Host", ok, seen.host, "" if ok else f"It is asked as {asked}. In the proxy: {LINES['host']}")


def _address(seen: Seen) -> Check:
    if seen.forwarded_for and not seen.trusted_proxies:
        said = "All clients count as one, whose limits they share. Set TRUSTED_PROXIES to the number of proxies, such as TRUSTED_PROXIES=1."
        return Check("Client address", False, seen.address, said)
    if seen.trusted_proxies and not seen.forwarded_for:
        said = f"In the proxy: {LINES['address']} Or, if there is none in front, set TRUSTED_PROXIES=0."
        return Check("Client address", False, seen.address, said)
    return Check("Client address", True, seen.address)


def _names(seen: Seen, asked: str) -> Check:
    names = ", ".join(seen.allowed_hosts) or ("this machine's" if seen.is_on_loopback else "any")
    ok = bool(seen.allowed_hosts) or seen.is_on_loopback
    return Check("Names", ok, names, "" if ok else f"It answers under any name. Set ALLOWED_HOSTS={asked}")


def _with_port(host: str, scheme: str) -> tuple[str, int | None]:
    try:
        parts = urlsplit(f"//{host}")
        return parts.hostname or "", parts.port or _PORTS.get(scheme)
    except ValueError:
        return host, None


def seen_in(environ: Mapping[str, Any], config: Mapping[str, Any]) -> Seen:
    """What is seen in a request of WSGI, with the settings of the app."""
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
