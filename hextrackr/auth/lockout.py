"""Wrong passwords make the next try wait, longer each time.

Three counts are kept in the database, so that all processes agree: of an account from an address, of an account from anywhere, and of an
address. The first is strict. The second stops many addresses that share the work, and never keeps out a user who is elsewhere for more than
a minute. The third stops who tries one password on many accounts. While a wait lasts no password is looked at, and nothing is counted.

Where an OpenID provider looks at the password, what comes back and signs nobody in counts for the address alone.
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
#: After so long without a failure the next one is the first again; in milliseconds, as all times here.
FORGET = 60 * _MINUTE


@dataclass(frozen=True)
class _Count:
    """What is counted under a key: so many failures cost nothing, each one more doubles the wait, up to the longest."""

    key: str
    free: int
    longest: int

    def wait(self, failures: int) -> int:
        beyond = failures - self.free
        return 0 if beyond <= 0 else min(self.longest, _SECOND << min(beyond - 1, 20))


@dataclass(frozen=True)
class Attempt:
    """Somebody at an address who signs in.

    :ivar account: who that says to be; None where only the provider knows.
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
        """For how long no password is looked at yet."""
        keys = [count.key for count in self._counts]
        until = session.scalar(select(func.max(FailedSignIn.locked_until)).where(FailedSignIn.key.in_(keys)))
        return max(0, (until or 0) - now)

    def failed(self, session: Session, now: int) -> int:
        """Count a failure, and return for how long no other password is looked at."""
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
        """Forget the failures of the account; those of the address stay, or one account of one's own would wipe them out."""
        forget(session, (count.key for count in self._counts_of_account))


def forget(session: Session, keys: Iterable[str]) -> None:
    """Forget what was counted under these keys."""
    session.execute(delete(FailedSignIn).where(FailedSignIn.key.in_(list(keys))))


def network_of(address: str) -> str:
    """What counts as one address: of IPv6 a network of 64 bits, as whoever has one address of it has them all."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    return str(parsed.ipv4_mapped or ip_network((int(parsed), 64), strict=False).network_address)


def _key(*parts: str) -> str:
    """What is counted, as a text of a fixed length: what somebody claims to be called can be long."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
