"""Limit the connections of a server and the time in which a request must arrive, and survive running out of file descriptors.

A connection is *arriving* while its next request is awaited or incomplete; all others are being served. At the limit, the connection that
has been arriving for longest is closed for a new one, so that clients which send nothing, or very slowly, do not lock others out.
"""

from __future__ import annotations

import errno
import logging
import os
import socket
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import takewhile
from typing import Any

from .errors import RequestError

try:
    import resource
except ImportError:  # not on Windows, which has no such limit
    resource = None  # type: ignore[assignment]

log = logging.getLogger(__name__)

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

#: The time limit in seconds for the head of a request, and for the body unless it is an upload; and seconds between two checks.
ARRIVAL, CHECK_INTERVAL = 20.0, 1.0
#: File descriptors that are reserved for the database, uploads, the importer and so on.
RESERVED = 100
#: The number of file descriptors to request from the system.
DESCRIPTORS = 65_536
#: Seconds until the next attempt to accept a connection after an error.
RETRY = 0.05
#: Seconds between two scans for closed connections at the limit.
SCAN = 0.05
#: Accepted connections after which other green threads run.
YIELD_EVERY = 16
#: The key in the WSGI environment of a function that removes the time limit of the request's body.
TAKE_TIME = "hextrackr.take_time"
_EXHAUSTED = (errno.EMFILE, errno.ENFILE)
_NOT_NOW = (*_EXHAUSTED, errno.ENOBUFS, errno.ENOMEM)


def raise_descriptor_limit() -> None:
    """Raise the limit of file descriptors of this process as far as the system allows."""
    if resource is None:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def capacity(most: int) -> int:
    """Return the number of connections for which there are enough file descriptors, at most ``most``."""
    if resource is None:
        return most
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return most
    free = soft - _open_descriptors()
    return max(8, min(most, max(free - RESERVED, free // 2)))


def _open_descriptors() -> int:
    try:
        return len(os.listdir("/proc/self/fd"))
    except OSError:
        return RESERVED


@dataclass(eq=False)
class _Connection:
    """A connection.

    :ivar address: the client's address.
    :ivar arriving: since when (monotonic, s) a request has been arriving; None while one is served.
    """

    its_socket: weakref.ref[Any]
    address: str
    arriving: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether it is still open."""
        its_socket = self.its_socket()
        return its_socket is not None and its_socket.fileno() >= 0

    def end(self, how: int = socket.SHUT_RDWR) -> None:
        """Shut the connection down, so that reads from it return its end."""
        its_socket = self.its_socket()
        if its_socket is not None:
            with suppress(OSError):
                its_socket.shutdown(how)


@dataclass
class _Address:
    """The file descriptors of an address's connections, and when they were last scanned for closed ones (monotonic, s)."""

    numbers: set[int] = field(default_factory=set)
    scanned: float = 0.0


class Connections:
    """All connections of a server.

    :param total: the limit for all connections.
    :param per_address: the limit for one address; None behind a proxy, where all connections have its address.
    """

    def __init__(self, total: int, per_address: int | None, clock: Callable[[], float] = time.monotonic) -> None:
        self.total = total
        self.per_address = per_address
        self._clock = clock
        self._lock = threading.RLock()
        #: By file descriptor; if a descriptor is used again, its old connection is closed.
        self._connections: dict[int, _Connection] = {}
        #: The arriving connections, oldest first.
        self._arriving: dict[int, _Connection] = {}
        self._addresses: dict[str, _Address] = {}
        self._scanned = 0.0
        self._stopping = False

    def __len__(self) -> int:
        return len(self._connections)

    def admit(self, connection: Any, name: str) -> bool:
        """Admit an accepted connection. At the limit, close the one that has been arriving for longest; return False if none is arriving.

        :param name: the client's address.
        """
        number = connection.fileno()
        with self._lock:
            self._forget(number)
            address = self._addresses.setdefault(name, _Address())
            if self._is_full_for(address) and not self.make_room(name):
                return False
            if self._is_full() and not self.make_room():
                return False
            self._connections[number] = _Connection(weakref.ref(connection), name)
            self._addresses.setdefault(name, address).numbers.add(number)
            self.arriving(connection)
        return True

    def make_room(self, name: str | None = None) -> bool:
        """Close the connection that has been arriving for longest, of one address or of all; return False if none is arriving."""
        with self._lock:
            for number, arriving in self._arriving.items():
                if name in (None, arriving.address):
                    arriving.end()
                    self._forget(number)
                    return True
        return False

    def arriving(self, connection: Any) -> None:
        """Record that a connection waits for its next request, or for the body of one."""
        self._note(connection, self._clock())

    def answered(self, connection: Any) -> None:
        """Record that a request was answered and the connection waits for the next one; close it if the server is stopping."""
        self.arriving(connection)
        if self._stopping:
            self.stop()

    def stop(self) -> None:
        """Close idle connections, now and from now on, as they would delay the end of the server."""
        self._stopping = True
        self.end_overdue()

    def served(self, connection: Any) -> None:
        """Record that a request has arrived, or that the code that reads its body has its own time limit."""
        self._note(connection, None)

    def knows(self, connection: Any) -> bool:
        """Return whether the connection was admitted here."""
        return connection is not None and connection.fileno() in self._connections

    def end_overdue(self) -> None:
        """Close the connections whose requests take too long to arrive; reading such a request fails as incomplete."""
        overdue = self._clock() - (0.0 if self._stopping else ARRIVAL)
        with self._lock:
            self._forget_closed(self._connections)
            late = list(
                takewhile(lambda each: each.arriving is not None and each.arriving <= overdue, self._arriving.values())
            )
        for each in late:
            each.end(socket.SHUT_RD)  # for reading only, so that the client can still get an error

    def _note(self, connection: Any, arriving: float | None) -> None:
        number = connection.fileno()
        with self._lock:
            entry = self._connections.get(number)
            if entry is not None:
                self._arriving.pop(number, None)
                entry.arriving = arriving
                if arriving is not None:
                    self._arriving[number] = entry

    def _is_full_for(self, address: _Address) -> bool:
        if self.per_address is None or len(address.numbers) < self.per_address:
            return False
        if self._clock() - address.scanned >= SCAN:
            address.scanned = self._clock()
            self._forget_closed(address.numbers)
        return len(address.numbers) >= self.per_address

    def _is_full(self) -> bool:
        if len(self._connections) >= self.total and self._clock() - self._scanned >= SCAN:
            self._scanned = self._clock()
            self._forget_closed(self._connections)
        return len(self._connections) >= self.total

    def _forget(self, number: int) -> None:
        self._arriving.pop(number, None)
        entry = self._connections.pop(number, None)
        if entry is not None:
            numbers = self._addresses[entry.address].numbers
            numbers.discard(number)
            if not numbers:
                del self._addresses[entry.address]

    def _forget_closed(self, numbers: Iterable[int]) -> None:
        for number in [number for number in numbers if not self._connections[number].is_open]:
            self._forget(number)


class Listener:
    """A listening socket that limits the connections, and whose ``accept`` does not fail for lack of file descriptors or memory.

    gunicorn's workers accept from it. If a connection cannot be accepted, it behaves as if there were none, so that they try again.

    :param listener: the non-blocking socket.
    :param sleep: waits (seconds) without blocking other green threads.
    """

    def __init__(self, listener: Any, connections: Connections, sleep: Callable[[float], Any]) -> None:
        self._listener = listener
        self._connections = connections
        self._sleep = sleep
        self._reserve: int | None = _open_reserve()
        self._logged = 0.0
        self._accepted = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._listener, name)

    def accept(self) -> tuple[Any, Any]:
        """Accept the next connection and return it with its address.

        :raises BlockingIOError: there is none, or it was refused.
        """
        try:
            connection, address = self._listener.accept()
        except BlockingIOError:
            raise
        except OSError as error:
            if error.errno == errno.ECONNABORTED:
                raise _would_block() from None
            if error.errno not in _NOT_NOW:
                raise
            self._handle_exhaustion(error)
            raise _would_block() from None
        if not self._connections.admit(connection, _name_of(address)):
            connection.close()
            self._sleep(0)
            raise _would_block()
        self._accepted += 1
        if self._accepted % YIELD_EVERY == 0:
            self._sleep(0)
        return connection, address

    def _handle_exhaustion(self, error: OSError) -> None:
        """Refuse one client, using the reserved descriptor, and wait for others to close their connections."""
        if time.monotonic() - self._logged > 1.0:
            self._logged = time.monotonic()
            log.error("The server cannot accept connections: %s. New clients are refused for now", error.strerror)
        self._connections.make_room()
        if error.errno in _EXHAUSTED and self._reserve is not None:
            os.close(self._reserve)
            self._reserve = None
            with suppress(OSError):
                self._listener.accept()[0].close()
        if self._reserve is None:
            self._reserve = _open_reserve()
        self._sleep(RETRY)


class Arrivals:
    """WSGI middleware that records which connections are served, and which are still sending the body of their request."""

    def __init__(self, app: WsgiApp, connections: Connections) -> None:
        self._app = app
        self._connections = connections

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        connection = environ.get("gunicorn.socket")
        if not self._connections.knows(connection):
            return self._app(environ, start_response)
        served = partial(self._connections.served, connection)
        environ[TAKE_TIME] = served
        environ["wsgi.input"] = _Body(environ["wsgi.input"], connection)
        if not _has_body(environ):
            served()
            return self._app(environ, start_response)
        self._connections.arriving(connection)

        def start(*answer: Any) -> Any:
            served()
            return start_response(*answer)

        return self._app(environ, start)


class _Body:
    """The body of a request. Errors of gunicorn's HTTP parser become a :class:`RequestError`, as they are the client's fault."""

    def __init__(self, stream: Any, connection: Any) -> None:
        self._stream = stream
        self._connection = connection

    def read(self, *size: int) -> bytes:
        """Read.

        :raises RequestError: the chunks or trailers are malformed.
        """
        return self._read(self._stream.read, *size)  # type: ignore[no-any-return]

    def readline(self, *size: int) -> bytes:
        """Read a line; raises like :meth:`read`."""
        return self._read(self._stream.readline, *size)  # type: ignore[no-any-return]

    def readlines(self, *size: int) -> list[bytes]:
        """Read all lines; raises like :meth:`read`."""
        return self._read(self._stream.readlines, *size)  # type: ignore[no-any-return]

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")

    def _read(self, how: Callable[..., Any], *size: int) -> Any:
        try:
            return how(*size)
        except Exception as error:
            if not type(error).__module__.startswith("gunicorn.http"):
                raise
            with suppress(OSError):
                self._connection.shutdown(socket.SHUT_RD)  # where the next request begins is unknown
            raise RequestError("The request body is malformed: its chunked encoding is invalid.") from None


def _has_body(environ: dict[str, Any]) -> bool:
    return environ.get("CONTENT_LENGTH", "") not in ("", "0") or "HTTP_TRANSFER_ENCODING" in environ


def _name_of(address: Any) -> str:
    return str(address[0]) if isinstance(address, tuple) else ""


def _would_block() -> BlockingIOError:
    return BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))


def _open_reserve() -> int | None:
    try:
        return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
