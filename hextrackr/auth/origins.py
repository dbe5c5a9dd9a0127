"""Decide by its origin whether a page is ours.

Behind a proxy that terminates TLS the browser uses ``https`` and the server ``http``, so only the host is compared: with the header
``Host`` and with ``ALLOWED_HOSTS``. On loopback names the port must match as well, as other programs on the machine may serve pages there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_PORTS = {"http": 80, "https": 443}


class OwnOrigins:
    """The origins of our own pages, and of others that may call the API.

    :param allowed: complete origins.
    :param hosts: the setting ``ALLOWED_HOSTS``; a name with a leading dot includes its subdomains.
    """

    def __init__(self, allowed: Iterable[str], hosts: Sequence[str]) -> None:
        self._allowed = frozenset(allowed)
        self._hosts = hosts

    def include(self, origin: str, host: str) -> bool:
        """Return whether a page of this origin is ours.

        :param host: the header ``Host`` of the request.
        """
        if origin in self._allowed:
            return True
        try:
            parts = urlsplit(origin)
            name, port = parts.hostname, parts.port or _PORTS[parts.scheme]
            own = urlsplit(f"//{host}")
            own_name, own_port = own.hostname, own.port or _PORTS[parts.scheme]
        except (ValueError, KeyError):
            return False
        if not name or f"{parts.scheme}://{parts.netloc}" != origin:
            return False
        if name not in _LOOPBACK and is_among(name, self._hosts):
            return True
        return (name, port) == (own_name, own_port)

    def hint(self, origin: str) -> str | None:
        """Return an error message that explains ``ALLOWED_HOSTS``, if the refused origin may be ours behind a proxy."""
        try:
            name = urlsplit(origin).hostname
        except ValueError:
            return None
        if not name or name in _LOOPBACK or not self._hosts:
            return None
        return (
            "This request was refused because it comes from a page of another site. If it is a page of this server, "
            "add its host name to ALLOWED_HOSTS."
        )


def is_among(name: str, hosts: Sequence[str]) -> bool:
    """Return whether a name is one of these hosts, or a subdomain of one with a leading dot."""
    return any(name == host or (host.startswith(".") and name.endswith(host)) for host in hosts)
