"""Stands between Engine.IO and Socket.IO: who may connect, how fast a client may talk, and what becomes of nonsense."""

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

#: Seconds between two looks for sockets that have not completed their connect.
SWEEP = 5.0


@dataclass
class Visitor:
    """One socket: where it comes from, since when (monotonic, s) it has not completed its connect, and how it behaves."""

    address: str
    since: float
    events: TokenBucket
    faults: int = 0


@dataclass
class _Address:
    """All sockets of one address, and how fast new ones may come."""

    sockets: TokenBucket
    open: set[str] = field(default_factory=set)


class Guard:
    """Bounds what each client of a Socket.IO server may ask of it.

    :param server: its Engine.IO handlers are wrapped.
    :param sleep: waits (seconds) without holding up other clients.
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
        self._visitors: dict[str, Visitor] = {}
        self._addresses: dict[str, _Address] = {}
        self._lines = TokenBucket(1.0, 20, clock)
        self._unsaid: Counter[str] = Counter()
        self._sweeping = False
        handlers = server.eio.handlers
        self._admit, self._dispatch, self._forget = handlers["connect"], handlers["message"], handlers["disconnect"]
        server.eio.on("connect", self.connect)
        server.eio.on("message", self.message)
        server.eio.on("disconnect", self.disconnect)

    def connect(self, sid: str, environ: dict[str, Any]) -> Any:
        """A client begins its connect; anything but None refuses it, with 401 and these words."""
        address = str(environ.get("REMOTE_ADDR", ""))
        known = self._addresses.setdefault(address, _Address(self._turns_of_address()))
        if len(known.open) >= self._limits.sockets_per_address or not known.sockets.allows():
            self.complain(address, "too many connections")
            return "Too many connections from this address."
        known.open.add(sid)
        now = self._clock()
        events = TokenBucket(self._limits.events_per_second, self._limits.events_burst, self._clock)
        self._visitors[sid] = Visitor(address, now, events)
        if not self._sweeping:
            self._sweeping = True
            self._server.start_background_task(self._sweep)
        return self._admit(sid, environ)

    def message(self, sid: str, data: object) -> Any:
        """A client sends something: dispatch it when its turn has come."""
        visitor = self._visitors.get(sid)
        if visitor is None:
            return None
        self._sleep(visitor.events.wait())  # if only to let the others have theirs
        if sid not in self._visitors:
            return None  # it is gone meanwhile
        try:
            check_message(data)
            return self._dispatch(sid, data)
        except ValueError as error:
            self.fault(sid, str(error))

    def disconnect(self, sid: str, reason: str) -> Any:
        """A socket is gone."""
        visitor = self._visitors.pop(sid, None)
        if visitor is not None:
            address = self._addresses[visitor.address]
            address.open.discard(sid)
        return self._forget(sid, reason)

    def fault(self, sid: str, what: str) -> None:
        """Note that a client has sent ``what``; after a few times it is cut off, before its connect is complete at once."""
        visitor = self._visitors.get(sid)
        if visitor is None:
            return
        visitor.faults += 1
        self.complain(visitor.address, what)
        if visitor.faults >= self._limits.faults or not self._is_connected(sid):
            self.cut_off(sid)

    def cut_off(self, sid: str) -> None:
        """Close a socket without waiting for its client."""
        socket = self._server.eio.sockets.get(sid)
        if socket is not None:
            socket.close(wait=False)

    def end_if_silent(self, sid: str) -> None:
        """End a session whose client has not answered its ping in time; Engine.IO itself looks for those now and then only."""
        socket = self._server.eio.sockets.get(sid)
        if socket is not None and not socket.closed:
            socket.check_ping_timeout()

    def sweep(self) -> None:
        """Close the sockets whose Socket.IO connect is overdue, and forget addresses that have gone quiet."""
        overdue = self._clock() - self._limits.connect_seconds
        for sid, visitor in list(self._visitors.items()):
            if visitor.since < overdue and not self._is_connected(sid):
                self.complain(visitor.address, "a connect that is never completed")
                self.cut_off(sid)
        for address, known in list(self._addresses.items()):
            if not known.open and known.sockets.is_full():
                del self._addresses[address]

    def _sweep(self) -> None:
        while self._addresses:
            self._sleep(SWEEP)
            self.sweep()
        self._sweeping = False

    def _is_connected(self, sid: str) -> bool:
        manager = self._server.manager
        own = manager.sid_from_eio_sid(sid, "/")
        return own is not None and bool(manager.is_connected(own, "/"))

    def _turns_of_address(self) -> TokenBucket:
        count = self._limits.sockets_per_address
        return TokenBucket(count / self._limits.reconnect_seconds, count, self._clock)

    def complain(self, address: str, what: str) -> None:
        """One line in the log, and where there would be too many of them, how many there were."""
        self._unsaid[address] += 1
        if self._lines.allows():
            log.warning("A client at %s has sent or asked for %s (%d times)", address, what, self._unsaid.pop(address))
