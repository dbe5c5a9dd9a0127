"""AUTH=proxy: a proxy in front signs users in, and says in headers who asks and of which groups.

Whoever can reach the server past the proxy could say so as well: the headers count only in requests that come straight from
one of ``AUTH_PROXY_ADDRESSES``.
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
    """What finds out who makes a request, by the headers of the proxy."""
    trusted: Networks = [ip_network(address) for address in config.AUTH_PROXY_ADDRESSES]
    #: When users were last said to sign in, by a clock that nobody sets, in seconds.
    announced: dict[int, float] = {}

    def identify() -> Actor | None:
        name = _text(config.AUTH_PROXY_USER_HEADER).strip()
        if not name or not _is_trusted(trusted):
            return None
        groups = [group.strip() for group in _text(config.AUTH_PROXY_GROUPS_HEADER).replace(";", ",").split(",")]
        user = vouched.user_of(Provider.PROXY, users.subject_of(name), _checked(name), groups, config.group_roles)
        actor = Actor(user.name, Role.of(user.role), "proxy", user_id=user.id)
        now = time.monotonic()
        if now - announced.get(user.id, -1e9) > config.SESSION_HOURS * 3600:
            announced[user.id] = now
            audit.record("sign-in", f"user {user.name}", actor=actor)
        return actor

    return identify


def _text(header: str) -> str:
    """What a header says; WSGI has its bytes as Latin-1."""
    value = request.headers.get(header, "")
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value


def _checked(name: str) -> str:
    """A name, if all of it can be seen.

    :raises RequestError: it cannot.
    """
    if len(name) > users.LONGEST_NAME or not name.isprintable():
        raise RequestError(f"A user needs a name of at most {users.LONGEST_NAME} characters, all of which can be seen.")
    return name


def peer() -> str:
    """The address that the request came from itself, before anything that proxies say of it was believed."""
    before = request.environ.get("werkzeug.proxy_fix.orig", request.environ)
    return str(before.get("REMOTE_ADDR") or "")


def _is_trusted(trusted: Networks) -> bool:
    try:
        address = ip_address(peer())
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in network for network in trusted)
