"""Which pages are ours, by the origin that a browser says.

A proxy that ends TLS asks us by ``http`` for a page that the browser knows by ``https``. So what counts is the host: that under which the
server was asked, or one of ``ALLOWED_HOSTS``. On a loopback name other programs of the same machine have pages as well, on other ports:
there the port counts too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_PORTS = {"http": 80, "https": 443}


class OwnOrigins:
    """The origins of our own pages, and of those that may call us.

    :param allowed: origins as a whole.
    :param hosts: names under which the server is asked, by setting; one with a leading dot takes in what is below it.
    """

    def __init__(self, allowed: Iterable[str], hosts: Sequence[str]) -> None:
        self._allowed = frozenset(allowed)
        self._hosts = hosts

    def include(self, origin: str, host: str) -> bool:
        """Whether a page of this origin is ours.

        :param host: the header ``Host`` of the request.
        """
        if origin in self._allowed:
            return True
        try:
            parts = urlsplit(origin)
            name, port = parts.hostname, parts.port or _PORTS[parts.scheme]
            asked = urlsplit(f"//{host}")
            asked_name, asked_port = asked.hostname, asked.port or _PORTS[parts.scheme]
        except (ValueError, KeyError):
            return False
        if not name or f"{parts.scheme}://{parts.netloc}" != origin:
            return False
        if name not in _LOOPBACK and is_among(name, self._hosts):
            return True
        return (name, port) == (asked_name, asked_port)

    def hint(self, origin: str) -> str | None:
        """What to tell whoever gets to know that an origin is none of ours, if it may be one behind a proxy."""
        try:
            name = urlsplit(origin).hostname
        except ValueError:
            return None
        if not name or name in _LOOPBACK or not self._hosts:
            return None
        return (
            "Another site's page has sent this request; it was refused. If it is this server's own page, "
            "ALLOWED_HOSTS lacks the name under which it is shown."
        )


def is_among(name: str, hosts: Sequence[str]) -> bool:
    """Whether a name is one of these, or is below one with a leading dot."""
    return any(name == known or (known.startswith(".") and name.endswith(known)) for known in hosts)
