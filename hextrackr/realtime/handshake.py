"""Check the HTTP requests to the sockets before Engine.IO handles them."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

from hextrackr.auth.guard import OwnOrigins
from hextrackr.errors import RequestError

from .client_limits import ClientLimits, MalformedPacket, SocketLimits, check_body

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

#: Packets of Engine.IO, what separates them in a body, and the answer to a body.
_CLOSE = b"1"
_NOOP = b"6"
_SEPARATOR = b"\x1e"
_OK = b"ok"
#: Closed sessions that are remembered.
_MOST_CLOSED = 1_000
#: The path of the sockets.
PATH = "/socket.io/"


class SocketGateway:
    """WSGI app that passes requests of Engine.IO to the Engine.IO server, and all others to the Flask app.

    Flask-SocketIO's own makes a new class for each request, which only the garbage collector frees.

    :param flask_app: the app whose handlers serve the events.
    """

    def __init__(self, flask_app: Any, server: Any, app: WsgiApp, path: str = PATH) -> None:
        self._flask_app = flask_app
        self._server = server
        self._app = app
        self._path = path

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if not environ.get("PATH_INFO", "").startswith(self._path):
            return self._app(environ, start_response)
        environ["flask.app"] = self._flask_app
        served: Iterable[bytes] = self._server.handle_request(environ, start_response)
        return served


def origin_check(own: OwnOrigins) -> Callable[[str, dict[str, Any]], bool]:
    """Return the check of a browser's origin: our own pages and the allowed origins pass."""

    def is_allowed(origin: str, environ: dict[str, Any]) -> bool:
        return own.include(origin, str(environ.get("HTTP_HOST", "")))

    return is_allowed


class SocketRequests:
    """WSGI wrapper that checks the requests of Engine.IO; all others pass unchanged.

    - Requests that do not follow the protocol are refused here; Engine.IO would accept some of them.
    - The body of a polling request is read and checked before it is dispatched: limited in bytes and packets, and a malformed one is
      refused without a traceback.
    - A socket with two polls at a time is closed, as the protocol demands; so is one whose client has not answered its ping in time.
    - A poll that ends because its client has closed the socket is answered with an empty packet, and a body with ``ok``, as in the
      protocol; Engine.IO answers with nothing, and with ``OK``. A poll that arrives after the close, which left on another connection, is
      answered in the same way instead of being refused; one for each close.
    - A second websocket of a session is opened and closed, as in the protocol; Engine.IO refuses to open it, which a client takes for an
      error of the server.
    - JSONP is refused: a page of any origin could read our events through a script element, which sends no ``Origin``.
    - permessage-deflate is declined: for messages of a few hundred bytes it costs more than it saves (measured: half the CPU of each
      delivered message, a third of the memory of each client), and without it no small message can expand to a huge one.
    """

    def __init__(
        self,
        app: WsgiApp,
        client_limits: ClientLimits,
        limits: SocketLimits,
        path: str = PATH,
        close_websocket: WsgiApp | None = None,
    ) -> None:
        """Check the requests to ``app``.

        :param close_websocket: opens a websocket and closes it; None leaves a second websocket of a session to ``app``.
        """
        self._app = app
        self._close_websocket = close_websocket or app
        self._client_limits = client_limits
        self._limits = limits
        self._path = path
        self._polling: set[str] = set()
        #: Sessions that their clients closed, the latest at the end, whose last poll has not been answered yet.
        self._closed: deque[str] = deque(maxlen=_MOST_CLOSED)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if not environ.get("PATH_INFO", "").startswith(self._path):
            return self._app(environ, start_response)
        environ.pop("HTTP_SEC_WEBSOCKET_EXTENSIONS", None)
        query = parse_qs(environ.get("QUERY_STRING", ""))
        sid = query.get("sid", [""])[0]
        try:
            _check_request(environ["REQUEST_METHOD"], query)
            if sid and "HTTP_UPGRADE" not in environ:
                self._client_limits.end_if_silent(sid)
            elif sid and self._client_limits.has_websocket(sid):
                return self._close_websocket(environ, start_response)
            if environ["REQUEST_METHOD"] == "POST":
                return self._post(sid, environ, start_response)
            if environ["REQUEST_METHOD"] == "GET" and sid and "HTTP_UPGRADE" not in environ:
                return self._poll(sid, environ, start_response)
        except MalformedPacket as error:
            if sid:
                self._client_limits.report(str(environ.get("REMOTE_ADDR", "")), str(error))
                self._client_limits.cut_off(sid)
            return _refused(start_response, f"The request is or has {error}.")
        return self._app(environ, start_response)

    def _post(self, sid: str, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        closes = _CLOSE in self._checked_body(environ).split(_SEPARATOR) and sid not in self._polling
        answer = _as_protocol(self._app(environ, start_response), b"OK", _OK)
        if closes and answer == [_OK]:
            self._closed.append(sid)
        return answer

    def _poll(self, sid: str, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if sid in self._polling:
            raise MalformedPacket("a second poll at a time")
        if sid in self._closed:
            self._closed.remove(sid)
            return _answered(start_response, "200 OK", _NOOP)
        self._polling.add(sid)
        try:
            return _as_protocol(self._app(environ, start_response), b"", _NOOP)
        finally:
            self._polling.discard(sid)

    def _checked_body(self, environ: dict[str, Any]) -> bytes:
        """Read and check the body; return it, and give the app one that it can read again."""
        length = environ.get("CONTENT_LENGTH") or "0"
        if not length.isdigit() or int(length) > self._limits.message_bytes:
            raise MalformedPacket("a body that is too long")
        try:
            body: bytes = environ["wsgi.input"].read(int(length))
        except RequestError as error:
            raise MalformedPacket(f"a body that cannot be read: {error.detail}") from None
        if len(body) < int(length):
            raise MalformedPacket("a body that ends early, or takes too long")
        check_body(body)
        environ["wsgi.input"] = io.BytesIO(body)
        return body


def _as_protocol(body: Iterable[bytes], actual: bytes, expected: bytes) -> Iterable[bytes]:
    """Replace the body that Engine.IO answers by the one of the protocol."""
    return [expected] if body == [actual] else body


def _check_request(method: str, query: dict[str, list[str]]) -> None:
    if "j" in query:
        raise MalformedPacket("JSONP, which is not served")
    if method not in ("GET", "POST", "OPTIONS"):
        raise MalformedPacket("of a method that has no place here")
    if method != "OPTIONS" and query.get("transport") not in (["polling"], ["websocket"]):
        raise MalformedPacket("without a transport that is served")


def _refused(start_response: Callable[..., Any], message: str) -> list[bytes]:
    return _answered(start_response, "400 Bad Request", message.encode(), ("Connection", "close"))


def _answered(start_response: Callable[..., Any], status: str, body: bytes, *headers: tuple[str, str]) -> list[bytes]:
    kind = ("Content-Type", "text/plain; charset=utf-8")
    start_response(status, [kind, ("Content-Length", str(len(body))), *headers])
    return [body]
