"""Looks at a server as its clients reach it, and says which setting or line of a proxy is missing: ``hextrackr doctor``."""

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

#: Seconds that an answer may take; and the one to a body that never comes, where none means that it would be read.
PATIENCE, SHORT = 10.0, 3.0


class Doctor:
    """Asks one server.

    :param url: under which its clients reach it.
    :param token: of an administrator, where there is a sign-in.
    :param upload_bytes: the largest upload that has to get through.
    """

    def __init__(self, url: str, token: str, upload_bytes: int) -> None:
        self._url = urlsplit(url)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._upload_bytes = upload_bytes
        self._origin = f"{self._url.scheme}://{self._url.netloc}"

    def checks(self) -> Iterator[Check]:
        """Look at everything, as far as the server answers."""
        reached = self._reached()
        yield reached
        if reached.ok:
            yield from self._seen()
            yield self._own_page()
            yield self._websocket()
            yield self._upload()

    def _reached(self) -> Check:
        try:
            status, body = self._ask("GET", "/health")
        except OSError as error:
            return Check(
                "Server", False, str(error), "Nothing answers there: is the proxy running, and is this its address?"
            )
        if status == 421:
            return Check("Server", False, "421", f"It does not know this name. Set ALLOWED_HOSTS={self._url.hostname}")
        if status == 200 and body.get("status") == "ok":
            return Check("Server", True, f"HexTrackr {body.get('version', '')}")
        if status in (502, 503, 504):
            return Check(
                "Server",
                False,
                str(status),
                "The proxy does not reach the server: compare its proxy_pass with HOST and PORT.",
            )
        return Check("Server", False, str(status), "What answers there is not HexTrackr.")

    def _seen(self) -> Iterator[Check]:
        status, body = self._ask("GET", f"/api/connection?{urlencode({'page': self._origin})}", self._headers)
        if status in (401, 403):
            advice = "Give --token with a token of the scope admin, to see what the server sees."
            yield Check("What it sees", False, str(status), advice)
            return
        for told in body.get("data", []):
            yield Check(told["name"], told["ok"], told["seen"], told["advice"])

    def _own_page(self) -> Check:
        """Whether a page of the server itself may change something: without a token, as those are not asked where they come from."""
        status, body = self._ask("POST", "/api/connection/upload", {"Origin": self._origin, "Content-Length": "0"})
        refused = status == 403 and body.get("error", {}).get("code") == "CROSS_SITE"
        advice = f"Its own page is taken for another site's. In the proxy: {LINES['host']} Or set ALLOWED_HOSTS={self._url.hostname}"
        return Check("Own page", not refused, str(status), advice if refused else "")

    def _websocket(self) -> Check:
        key = base64.b64encode(os.urandom(16)).decode()
        upgrade = {
            "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": key, "Sec-WebSocket-Version": "13",
            "Origin": self._origin,
        }  # fmt: skip
        try:
            status, _ = self._ask("GET", "/socket.io/?EIO=4&transport=websocket", upgrade)
        except OSError as error:
            return Check("Websocket", False, str(error), f"In the proxy: {LINES['websocket']}")
        return Check(
            "Websocket", status == 101, str(status), "" if status == 101 else f"In the proxy: {LINES['websocket']}"
        )

    def _upload(self) -> Check:
        """Whether the largest upload would be let through: its length is announced, and it is not sent."""
        announced = {
            **self._headers,
            "Content-Length": str(self._upload_bytes),
            "Content-Type": "application/octet-stream",
        }
        try:
            status, body = self._ask("POST", "/api/connection/upload", announced, seconds=SHORT)
        except OSError:
            return Check("Upload", True, f"{self._upload_bytes} bytes")  # whoever would refuse it has not
        if status == 413 and "error" not in body:
            return Check(
                "Upload", False, "413", f"The proxy refuses {self._upload_bytes} bytes. In the proxy: {LINES['upload']}"
            )
        return Check("Upload", True, f"{self._upload_bytes} bytes")

    def _ask(
        self, method: str, path: str, headers: dict[str, str] | None = None, seconds: float = PATIENCE
    ) -> tuple[int, dict[str, Any]]:
        """The status, and the body if it is a JSON object.

        :raises OSError: there is no answer.
        """
        with closing(_connection(self._url, seconds)) as connection:
            try:
                connection.putrequest(method, path, skip_accept_encoding=True)
                for name, value in (headers or {}).items():
                    connection.putheader(name, value)
                connection.endheaders()
                answer = connection.getresponse()
                text = b"" if answer.status == 101 else answer.read(1_000_000)
            except http.client.HTTPException as error:
                raise OSError(f"no answer in HTTP ({type(error).__name__})") from error
        try:
            body = json.loads(text)
        except ValueError:
            body = None
        return answer.status, body if isinstance(body, dict) else {}


def _connection(url: SplitResult, seconds: float) -> http.client.HTTPConnection:
    host = url.hostname or ""
    if url.scheme == "https":
        return http.client.HTTPSConnection(host, url.port, timeout=seconds, context=ssl.create_default_context())
    return http.client.HTTPConnection(host, url.port, timeout=seconds)
