"""The connections of a server: how many there may be, how long a request may take to arrive, and how more are accepted when the
process has run out of file descriptors.

A connection is *arriving* while a request is on its way, or none is; all others are being served. Where there are too many, the one that
has been arriving for longest makes room for the new one: whoever sends nothing, or a byte now and then, keeps nobody out.
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

#: Seconds that the head of a request may take, and the body of one that is no upload; and between two looks at how long they take.
ARRIVAL, LOOK = 20.0, 1.0
#: File descriptors that connections leave to everything else: the database, uploads, the importer.
RESERVED = 100
#: The most file descriptors that are asked for.
DESCRIPTORS = 65_536
#: Seconds until the next try to accept a connection when that does not work.
RETRY = 0.05
#: Seconds between two looks at which connections are closed, where there are too many.
SCAN = 0.05
#: After so many connections the others have their turn.
TURN = 16
#: Under this key a request finds what it calls to let its body take its time.
TAKE_TIME = "hextrackr.take_time"
_EXHAUSTED = (errno.EMFILE, errno.ENFILE)
_NOT_NOW = (*_EXHAUSTED, errno.ENOBUFS, errno.ENOMEM)


def raise_descriptor_limit() -> None:
    """Have as many file descriptors as the system lets this process have."""
    if resource is None:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def capacity(most: int) -> int:
    """How many connections there may be, so that descriptors are left for everything else; ``most`` at the most."""
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
    """One connection: whose it is, and since when (monotonic, s) a request has been arriving; None while one is served."""

    its_socket: weakref.ref[Any]
    address: str
    arriving: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether it has not been closed."""
        known = self.its_socket()
        return known is not None and known.fileno() >= 0

    def end(self, how: int = socket.SHUT_RDWR) -> None:
        """Let whoever reads from it find that nothing comes any more."""
        known = self.its_socket()
        if known is not None:
            with suppress(OSError):
                known.shutdown(how)


@dataclass
class _Address:
    """The descriptors of an address's connections, and when it was looked which of these are closed (monotonic, s)."""

    numbers: set[int] = field(default_factory=set)
    looked: float = 0.0


class Connections:
    """All connections of a server.

    :param total: how many there may be.
    :param per_address: of these of one address; None where all have the address of a proxy.
    """

    def __init__(self, total: int, per_address: int | None, clock: Callable[[], float] = time.monotonic) -> None:
        self.total = total
        self.per_address = per_address
        self._clock = clock
        self._lock = threading.RLock()
        #: By descriptor: where one comes back, the connection that had it is closed.
        self._known: dict[int, _Connection] = {}
        #: Those that are arriving, in the order in which they began to.
        self._arriving: dict[int, _Connection] = {}
        self._addresses: dict[str, _Address] = {}
        self._looked = 0.0
        self._stopping = False

    def __len__(self) -> int:
        return len(self._known)

    def admit(self, connection: Any, name: str) -> bool:
        """Take up a connection that was accepted, if need be in place of one that has been arriving for longest; False if there is none.

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
            self._known[number] = _Connection(weakref.ref(connection), name)
            self._addresses.setdefault(name, address).numbers.add(number)
            self.arriving(connection)
        return True

    def make_room(self, name: str | None = None) -> bool:
        """End the connection that has been arriving for longest, of one address or of all; False if none is."""
        with self._lock:
            for number, known in self._arriving.items():
                if name in (None, known.address):
                    known.end()
                    self._forget(number)
                    return True
        return False

    def arriving(self, connection: Any) -> None:
        """Note that the next request of a connection is awaited, or the body of one."""
        self._note(connection, self._clock())

    def answered(self, connection: Any) -> None:
        """Note that a request was answered and the next one is awaited; none is, once the server stops."""
        self.arriving(connection)
        if self._stopping:
            self.stop()

    def stop(self) -> None:
        """End the connections on which nothing is under way, now and from now on: else each holds up the end of the server."""
        self._stopping = True
        self.end_overdue()

    def served(self, connection: Any) -> None:
        """Note that a request has arrived, or that whoever reads its body looks after it."""
        self._note(connection, None)

    def knows(self, connection: Any) -> bool:
        """Whether the connection was admitted here."""
        return connection is not None and connection.fileno() in self._known

    def end_overdue(self) -> None:
        """End the requests that take too long to arrive: their readers find them cut short."""
        overdue = self._clock() - (0.0 if self._stopping else ARRIVAL)
        with self._lock:
            self._forget_closed(self._known)
            late = list(
                takewhile(lambda each: each.arriving is not None and each.arriving <= overdue, self._arriving.values())
            )
        for each in late:
            each.end(socket.SHUT_RD)  # so that it can still be told why

    def _note(self, connection: Any, arriving: float | None) -> None:
        number = connection.fileno()
        with self._lock:
            known = self._known.get(number)
            if known is not None:
                self._arriving.pop(number, None)
                known.arriving = arriving
                if arriving is not None:
                    self._arriving[number] = known

    def _is_full_for(self, address: _Address) -> bool:
        if self.per_address is None or len(address.numbers) < self.per_address:
            return False
        if self._clock() - address.looked >= SCAN:
            address.looked = self._clock()
            self._forget_closed(address.numbers)
        return len(address.numbers) >= self.per_address

    def _is_full(self) -> bool:
        if len(self._known) >= self.total and self._clock() - self._looked >= SCAN:
            self._looked = self._clock()
            self._forget_closed(self._known)
        return len(self._known) >= self.total

    def _forget(self, number: int) -> None:
        self._arriving.pop(number, None)
        known = self._known.pop(number, None)
        if known is not None:
            numbers = self._addresses[known.address].numbers
            numbers.discard(number)
            if not numbers:
                del self._addresses[known.address]

    def _forget_closed(self, numbers: Iterable[int]) -> None:
        for number in [number for number in numbers if not self._known[number].is_open]:
            self._forget(number)


class Listener:
    """A listening socket whose ``accept`` never fails for want of descriptors or memory, and admits so many connections.

    It is what gunicorn's workers ask. Where no connection can be had, it says that none is there, and they ask again.

    :param listener: the socket, which does not block.
    :param sleep: waits (seconds); in a process of green threads without holding up the others.
    """

    def __init__(self, listener: Any, connections: Connections, sleep: Callable[[float], Any]) -> None:
        self._listener = listener
        self._connections = connections
        self._sleep = sleep
        self._spare: int | None = _spare()
        self._told = 0.0
        self._accepted = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._listener, name)

    def accept(self) -> tuple[Any, Any]:
        """The next connection that is admitted, and its address.

        :raises BlockingIOError: there is none now.
        """
        try:
            connection, address = self._listener.accept()
        except BlockingIOError:
            raise
        except OSError as error:
            if error.errno == errno.ECONNABORTED:
                raise _nobody() from None
            if error.errno not in _NOT_NOW:
                raise
            self._exhausted(error)
            raise _nobody() from None
        if not self._connections.admit(connection, _name_of(address)):
            connection.close()
            self._sleep(0)
            raise _nobody()
        self._accepted += 1
        if self._accepted % TURN == 0:
            self._sleep(0)
        return connection, address

    def _exhausted(self, error: OSError) -> None:
        """Send one client away with the descriptor that is kept for that, and give the others time to close theirs."""
        if time.monotonic() - self._told > 1.0:
            self._told = time.monotonic()
            log.error("No connection can be accepted: %s. Clients are sent away until that has passed", error.strerror)
        self._connections.make_room()
        if error.errno in _EXHAUSTED and self._spare is not None:
            os.close(self._spare)
            self._spare = None
            with suppress(OSError):
                self._listener.accept()[0].close()
        if self._spare is None:
            self._spare = _spare()
        self._sleep(RETRY)


class Arrivals:
    """WSGI wrapper that notes which connections are served, and which still send the body of their request."""

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
    """The body of a request, as its server reads it: what breaks the rules of HTTP in mid-body is the client's fault, not ours."""

    def __init__(self, stream: Any, connection: Any) -> None:
        self._stream = stream
        self._connection = connection

    def read(self, *size: int) -> bytes:
        """Read.

        :raises RequestError: the chunks, or what follows them, are malformed.
        """
        return self._read(self._stream.read, *size)  # type: ignore[no-any-return]

    def readline(self, *size: int) -> bytes:
        """Read a line; raises as :meth:`read`."""
        return self._read(self._stream.readline, *size)  # type: ignore[no-any-return]

    def readlines(self, *size: int) -> list[bytes]:
        """Read all lines; raises as :meth:`read`."""
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
                self._connection.shutdown(socket.SHUT_RD)  # nobody knows where the next request would begin
            raise RequestError(
                "The body is malformed: its chunks, or what follows them, break the rules of HTTP."
            ) from None


def _has_body(environ: dict[str, Any]) -> bool:
    return environ.get("CONTENT_LENGTH", "") not in ("", "0") or "HTTP_TRANSFER_ENCODING" in environ


def _name_of(address: Any) -> str:
    return str(address[0]) if isinstance(address, tuple) else ""


def _nobody() -> BlockingIOError:
    return BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))


def _spare() -> int | None:
    try:
        return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
