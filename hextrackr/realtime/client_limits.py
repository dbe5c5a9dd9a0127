"""Limit the clients of the sockets, between Engine.IO and Socket.IO: connections, event rate and malformed messages."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from socketio import Server

from .limits import SocketLimits
from .packets import check_message
from .token_bucket import TokenBucket

log = logging.getLogger(__name__)

#: Seconds between two checks for sockets that have not completed their connect.
SWEEP = 5.0


@dataclass
class _Client:
    """One socket: its address, when it began its connect (monotonic, s), its event rate and its malformed messages."""

    address: str
    since: float
    events: TokenBucket
    faults: int = 0


@dataclass
class _Address:
    """The sockets of one address, and the rate of new ones."""

    sockets: TokenBucket
    open: set[str] = field(default_factory=set)


class ClientLimits:
    """Limits what each client of a Socket.IO server may do.

    :param server: its Engine.IO handlers are wrapped.
    :param sleep: waits (seconds) without delaying other clients.
    """

    def __init__(
        self,
        server: Server,
        limits: SocketLimits,
        sleep: Callable[[float], Any],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._server = server
        self._limits = limits
        self._sleep = sleep
        self._clock = clock
        self._clients: dict[str, _Client] = {}
        self._addresses: dict[str, _Address] = {}
        self._log_lines = TokenBucket(1.0, 20, clock)
        self._unreported: Counter[str] = Counter()
        self._sweeping = False
        handlers = server.eio.handlers
        self._admit, self._dispatch, self._forget = handlers["connect"], handlers["message"], handlers["disconnect"]
        server.eio.on("connect", self.connect)
        server.eio.on("message", self.message)
        server.eio.on("disconnect", self.disconnect)

    def connect(self, sid: str, environ: dict[str, Any]) -> Any:
        """Handle the connect of a client; a result other than None refuses it, with 401 and this text."""
        ip = str(environ.get("REMOTE_ADDR", ""))
        address = self._addresses.setdefault(ip, _Address(self._socket_bucket()))
        if len(address.open) >= self._limits.sockets_per_address or not address.sockets.allows():
            self.report(ip, "too many connections")
            return "Too many connections from this address."
        address.open.add(sid)
        now = self._clock()
        events = TokenBucket(self._limits.events_per_second, self._limits.events_burst, self._clock)
        self._clients[sid] = _Client(ip, now, events)
        if not self._sweeping:
            self._sweeping = True
            self._server.start_background_task(self._sweep)
        return self._admit(sid, environ)

    def message(self, sid: str, data: object) -> Any:
        """Dispatch a message of a client, delayed as far as its event rate demands."""
        client = self._clients.get(sid)
        if client is None:
            return None
        self._sleep(client.events.wait())  # also with 0 seconds, so that other clients get a turn
        if sid not in self._clients:
            return None  # it has disconnected meanwhile
        try:
            check_message(data)
            return self._dispatch(sid, data)
        except ValueError as error:
            self.fault(sid, str(error))

    def disconnect(self, sid: str, reason: str) -> Any:
        """Handle the disconnect of a socket."""
        client = self._clients.pop(sid, None)
        if client is not None:
            address = self._addresses[client.address]
            address.open.discard(sid)
        return self._forget(sid, reason)

    def fault(self, sid: str, what: str) -> None:
        """Count a malformed message of a client; cut the client off after a few, or at once if its connect is not complete."""
        client = self._clients.get(sid)
        if client is None:
            return
        client.faults += 1
        self.report(client.address, what)
        if client.faults >= self._limits.faults or not self._is_connected(sid):
            self.cut_off(sid)

    def cut_off(self, sid: str) -> None:
        """Close a socket without waiting for its client."""
        socket = self._server.eio.sockets.get(sid)
        if socket is not None:
            socket.close(wait=False)

    def end_if_silent(self, sid: str) -> None:
        """Close a socket whose client has not answered its ping in time; Engine.IO itself checks this only now and then."""
        socket = self._server.eio.sockets.get(sid)
        if socket is not None and not socket.closed:
            socket.check_ping_timeout()

    def has_websocket(self, sid: str) -> bool:
        """Whether the session of a client has a websocket already."""
        socket = self._server.eio.sockets.get(sid)
        return socket is not None and bool(socket.upgraded)

    def sweep(self) -> None:
        """Close the sockets whose Socket.IO connect is overdue, and drop addresses without recent connections."""
        overdue = self._clock() - self._limits.connect_seconds
        for sid, client in list(self._clients.items()):
            if client.since < overdue and not self._is_connected(sid):
                self.report(client.address, "a connect that is never completed")
                self.cut_off(sid)
        for ip, address in list(self._addresses.items()):
            if not address.open and address.sockets.is_full():
                del self._addresses[ip]

    def _sweep(self) -> None:
        while self._addresses:
            self._sleep(SWEEP)
            self.sweep()
        self._sweeping = False

    def _is_connected(self, sid: str) -> bool:
        manager = self._server.manager
        own = manager.sid_from_eio_sid(sid, "/")
        return own is not None and bool(manager.is_connected(own, "/"))

    def _socket_bucket(self) -> TokenBucket:
        count = self._limits.sockets_per_address
        return TokenBucket(count / self._limits.reconnect_seconds, count, self._clock)

    def report(self, address: str, what: str) -> None:
        """Log what a client has sent or asked for; beyond the log's own rate limit only count it, for the next line."""
        self._unreported[address] += 1
        if self._log_lines.allows():
            times = self._unreported.pop(address)
            log.warning("A client at %s has sent or asked for %s (%d times)", address, what, times)
