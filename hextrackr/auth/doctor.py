"""``hextrackr doctor``: check a server from the outside, and name the setting or line of the proxy's configuration that is missing."""

from __future__ import annotations

import base64
import http.client
import json
import os
import ssl
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import SplitResult, urlencode, urlsplit

from .connection import LINES, Check

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
