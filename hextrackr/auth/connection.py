"""Whether what the server sees of a request is what its client has sent: what a proxy in between changes, and the line that puts it right.

The page **Connection** and ``hextrackr doctor`` ask through the proxy and tell the server under which address they did.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import ssl
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import SplitResult, urlencode, urlsplit

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
    names = ", ".join(seen.allowed_hosts) or ("the names of this machine" if seen.is_on_loopback else "any")
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


#: Seconds to wait for a response; and for one to an upload whose body is never sent, where silence means that it would be accepted.
TIMEOUT, UPLOAD_TIMEOUT = 10.0, 3.0


class Doctor:
    """Checks one server.

    :param url: the URL that its clients use.
    :param token: the token of an administrator, if the server has a sign-in.
    :param upload_bytes: the size of the largest upload that the proxy must accept.
    """

    def __init__(self, url: str, token: str, upload_bytes: int) -> None:
        self._url = urlsplit(url)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._upload_bytes = upload_bytes
        self._origin = f"{self._url.scheme}://{self._url.netloc}"

    def checks(self) -> Iterator[Check]:
        """Run all checks; only the first one if the server cannot be reached."""
        server = self._server()
        yield server
        if server.ok:
            yield from self._seen()
            yield self._own_page()
            yield self._websocket()
            yield self._upload()

    def _server(self) -> Check:
        try:
            status, body = self._request("GET", "/health")
        except OSError as error:
            return Check(
                "Server", False, str(error), "There is no response: is the proxy running, and is this its address?"
            )
        if status == 421:
            return Check(
                "Server", False, "421", f"It does not accept this host name. Set ALLOWED_HOSTS={self._url.hostname}"
            )
        if status == 200 and body.get("status") == "ok":
            return Check("Server", True, f"HexTrackr {body.get('version', '')}")
        if status in (502, 503, 504):
            return Check(
                "Server",
                False,
                str(status),
                "The proxy cannot reach the server: compare its proxy_pass with HOST and PORT.",
            )
        return Check("Server", False, str(status), "The response is not from HexTrackr.")

    def _seen(self) -> Iterator[Check]:
        status, body = self._request("GET", f"/api/connection?{urlencode({'page': self._origin})}", self._headers)
        if status in (401, 403):
            advice = "Pass --token with a token of scope admin, to check how the server sees requests."
            yield Check("What it sees", False, str(status), advice)
            return
        for check in body.get("data", []):
            yield Check(check["name"], check["ok"], check["seen"], check["advice"])

    def _own_page(self) -> Check:
        """Check that the server accepts changes from its own pages. Sends no token, as the origin of requests with one is not checked."""
        status, body = self._request("POST", "/api/connection/upload", {"Origin": self._origin, "Content-Length": "0"})
        refused = status == 403 and body.get("error", {}).get("code") == "CROSS_SITE"
        advice = f"The server refuses requests of its own pages. In the proxy: {LINES['host']} Or set ALLOWED_HOSTS={self._url.hostname}"
        return Check("Own page", not refused, str(status), advice if refused else "")

    def _websocket(self) -> Check:
        key = base64.b64encode(os.urandom(16)).decode()
        upgrade = {
            "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": key, "Sec-WebSocket-Version": "13",
            "Origin": self._origin,
        }  # fmt: skip
        try:
            status, _ = self._request("GET", "/socket.io/?EIO=4&transport=websocket", upgrade)
        except OSError as error:
            return Check("Websocket", False, str(error), f"In the proxy: {LINES['websocket']}")
        return Check(
            "Websocket", status == 101, str(status), "" if status == 101 else f"In the proxy: {LINES['websocket']}"
        )

    def _upload(self) -> Check:
        """Check that the proxy accepts the largest upload, by sending the headers of one without its body."""
        headers = {
            **self._headers,
            "Content-Length": str(self._upload_bytes),
            "Content-Type": "application/octet-stream",
        }
        try:
            status, body = self._request("POST", "/api/connection/upload", headers, seconds=UPLOAD_TIMEOUT)
        except OSError:
            return Check("Upload", True, f"{self._upload_bytes} bytes")  # a proxy that refuses it answers at once
        if status == 413 and "error" not in body:
            return Check(
                "Upload", False, "413", f"The proxy refuses {self._upload_bytes} bytes. In the proxy: {LINES['upload']}"
            )
        return Check("Upload", True, f"{self._upload_bytes} bytes")

    def _request(
        self, method: str, path: str, headers: dict[str, str] | None = None, seconds: float = TIMEOUT
    ) -> tuple[int, dict[str, Any]]:
        """Send a request, and return the status and, if it is a JSON object, the body of the response.

        :raises OSError: there is no response.
        """
        with closing(_connection(self._url, seconds)) as connection:
            try:
                connection.putrequest(method, path, skip_accept_encoding=True)
                for name, value in (headers or {}).items():
                    connection.putheader(name, value)
                connection.endheaders()
                response = connection.getresponse()
                text = b"" if response.status == 101 else response.read(1_000_000)
            except http.client.HTTPException as error:
                raise OSError(f"not an HTTP response ({type(error).__name__})") from error
        try:
            body = json.loads(text)
        except ValueError:
            body = None
        return response.status, body if isinstance(body, dict) else {}


def _connection(url: SplitResult, seconds: float) -> http.client.HTTPConnection:
    host = url.hostname or ""
    if url.scheme == "https":
        return http.client.HTTPSConnection(host, url.port, timeout=seconds, context=ssl.create_default_context())
    return http.client.HTTPConnection(host, url.port, timeout=seconds)
