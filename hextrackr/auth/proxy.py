"""AUTH=proxy: a proxy in front of the server signs users in, and sends their name and groups in headers.

A client that reaches the server directly could send the same headers, so they count only in requests that come directly from one of
``AUTH_PROXY_ADDRESSES``.
"""

from __future__ import annotations

import time
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

from flask import request

from hextrackr.errors import RequestError

from . import audit, users, vouched
from .actors import Actor, Identify
from .models import Provider
from .permissions import Role

if TYPE_CHECKING:
    from hextrackr.config import Config

Networks = list[IPv4Network | IPv6Network]


def identifier(config: Config) -> Identify:
    """Return a function that identifies who makes a request by the headers of the proxy."""
    trusted: Networks = [ip_network(address) for address in config.AUTH_PROXY_ADDRESSES]
    #: User id -> when their sign-in was last logged (monotonic, s).
    logged: dict[int, float] = {}

    def identify() -> Actor | None:
        name = _text(config.AUTH_PROXY_USER_HEADER).strip()
        if not name or not _is_trusted(trusted):
            return None
        groups = [group.strip() for group in _text(config.AUTH_PROXY_GROUPS_HEADER).replace(";", ",").split(",")]
        user = vouched.user_of(Provider.PROXY, users.subject_of(name), _checked(name), groups, config.group_roles)
        actor = Actor(user.name, Role.of(user.role), "proxy", user_id=user.id)
        now = time.monotonic()
        if now - logged.get(user.id, -1e9) > config.SESSION_HOURS * 3600:
            logged[user.id] = now
            audit.record("sign-in", f"user {user.name}", actor=actor)
        return actor

    return identify


def _text(header: str) -> str:
    """Return a header as text; WSGI decodes its bytes as Latin-1."""
    value = request.headers.get(header, "")
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value


def _checked(name: str) -> str:
    """Return a name, if it is short and printable.

    :raises RequestError: it is not.
    """
    if len(name) > users.LONGEST_NAME or not name.isprintable():
        raise RequestError(f"A user name must have at most {users.LONGEST_NAME} characters, all of them printable.")
    return name


def peer() -> str:
    """Return the address at the other end of the connection, whatever ``X-Forwarded-For`` says."""
    original = request.environ.get("werkzeug.proxy_fix.orig", request.environ)
    return str(original.get("REMOTE_ADDR") or "")


def _is_trusted(trusted: Networks) -> bool:
    try:
        address = ip_address(peer())
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in network for network in trusted)
