"""Lock sign-ins after wrong passwords, for longer each time.

Failures are counted in the database, which all processes share, in three ways: for an account from one address, for an account from any
address, and for an address. The first limit is strict. The second stops attacks from many addresses, and never locks out a user at another
address for more than a minute. The third stops an attacker who tries one password on many accounts. During a lock no password is checked,
and nothing is counted.

With an OpenID provider, which checks the passwords itself, failed sign-ins count for the address only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from hextrackr.db import dialects

from .models import FailedSignIn

_SECOND, _MINUTE = 1_000, 60_000
#: Milliseconds without a failure after which failures are forgotten; all times here are in milliseconds.
FORGET = 60 * _MINUTE


@dataclass(frozen=True)
class _Count:
    """A counter: ``free`` failures cost nothing, each further one doubles the wait, up to ``longest``."""

    key: str
    free: int
    longest: int

    def wait(self, failures: int) -> int:
        beyond = failures - self.free
        return 0 if beyond <= 0 else min(self.longest, _SECOND << min(beyond - 1, 20))


@dataclass(frozen=True)
class Attempt:
    """An attempt to sign in from an address.

    :ivar account: the account; None if only the provider knows it.
    """

    account: str | None
    address: str

    @property
    def _counts(self) -> tuple[_Count, ...]:
        network = network_of(self.address)
        return (*self._counts_of_account, _Count(_key("address", network), free=49, longest=5 * _MINUTE))

    @property
    def _counts_of_account(self) -> tuple[_Count, ...]:
        if self.account is None:
            return ()
        return (
            _Count(_key("account and address", self.account, network_of(self.address)), free=4, longest=15 * _MINUTE),
            _Count(_key("account", self.account), free=19, longest=_MINUTE),
        )

    def must_wait(self, session: Session, now: int) -> int:
        """Return for how long the sign-in is still locked."""
        keys = [count.key for count in self._counts]
        until = session.scalar(select(func.max(FailedSignIn.locked_until)).where(FailedSignIn.key.in_(keys)))
        return max(0, (until or 0) - now)

    def failed(self, session: Session, now: int) -> int:
        """Count a failure, and return for how long the sign-in is locked now."""
        for key in sorted(count.key for count in self._counts):
            dialects.lock_name(
                session.connection(), key
            )  # another process may count the first failure at the same moment
        session.execute(delete(FailedSignIn).where(FailedSignIn.failed_at < now - FORGET))
        longest = 0
        for count in self._counts:
            row = session.get(FailedSignIn, count.key)
            if row is None:
                row = FailedSignIn(key=count.key, failures=0)
                session.add(row)
            row.failures += 1
            wait = count.wait(row.failures)
            row.failed_at, row.locked_until = now, now + wait
            longest = max(longest, wait)
        return longest

    def succeeded(self, session: Session) -> None:
        """Forget the failures of the account. Those of the address stay: an attacker could reset them with an account of their own."""
        forget(session, (count.key for count in self._counts_of_account))


def forget(session: Session, keys: Iterable[str]) -> None:
    """Delete the counters with these keys."""
    session.execute(delete(FailedSignIn).where(FailedSignIn.key.in_(list(keys))))


def network_of(address: str) -> str:
    """Return what counts as one address: with IPv6 a /64 network, as one client can use all of its addresses."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    return str(parsed.ipv4_mapped or ip_network((int(parsed), 64), strict=False).network_address)


def _key(*parts: str) -> str:
    """Return the key of a counter; hashed, as the name that somebody enters can be long."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
