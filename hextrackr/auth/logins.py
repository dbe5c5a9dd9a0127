"""Signing in with a password, and the logins that follow: browsers that are signed in, which can be listed and ended.

A login is a row; the browser's cookie has its secret, signed. Every sign-in makes a new one, so nobody can bring a cookie that holds
afterwards.

Wrong passwords make the next try wait, longer each time. Three counts are stored in the database, so that all processes agree: of an
account from an address, of an account from anywhere, and of an address. The first is strict. The second stops many addresses that share the
work, and never keeps out a user who is elsewhere for more than a minute. The third stops who tries one password on many accounts. While a
wait lasts no password is looked at, and nothing is counted. Where an OpenID provider looks at the password, what comes back and signs
nobody in counts for the address alone.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from hextrackr.db import dialects, transactions
from hextrackr.errors import HexTrackrError, NotFound, SignInLocked, SignInRefused
from hextrackr.extensions import db, socketio
from hextrackr.jobs.queue import now_ms

from . import audit, passwords, users
from .actors import Actor
from .models import FailedSignIn, Login, Provider, User
from .permissions import Role

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
        forget_failures(session, (count.key for count in self._counts_of_account))


def forget_failures(session: Session, keys: Iterable[str]) -> None:
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


_HOUR = 3600 * 1000


@dataclass(frozen=True)
class Browser:
    """The browser that signs in."""

    address: str
    agent: str


def sign_in(name: str, password: str, browser: Browser, hours: int) -> str:
    """Check a password, and return the secret of the new login.

    :param hours: how long the login is valid.
    :raises SignInLocked: too many attempts failed; the message says how long to wait.
    :raises SignInRefused: the name or the password is wrong, or the user is disabled; the message does not say which.
    """
    attempt = Attempt(users.subject_of(name), browser.address)
    socketio.sleep(0)  # let other requests run between many simultaneous sign-ins
    with passwords.turn():  # includes the look at the counters, so that simultaneous attempts cannot bypass the lock
        refuse_while_locked(attempt)
        with Session(db.engine) as session:
            user = users.find(session, name)
        is_right = passwords.is_right(user.password if user else None, password)
        if not is_right or user is None or user.disabled or user.provider != Provider.LOCAL:
            raise refused(attempt, SignInRefused(), f"user {name}", name=name)
    found = user

    def write(session: Session) -> str:
        attempt.succeeded(session)
        return _insert(session, found, browser, hours)

    secret = transactions.write(db.engine, write, sleep=socketio.sleep)
    audit.record("sign-in", f"user {found.name}", actor=Actor(found.name, Role.of(found.role), "login", found.id))
    return secret


def refuse_while_locked(attempt: Attempt) -> None:
    """Refuse a locked sign-in.

    :raises SignInLocked: the message says how long to wait.
    """
    with Session(db.engine) as session:
        wait = attempt.must_wait(session, now_ms())
    if wait:
        raise SignInLocked(_wait(wait), wait / 1000)


def refused(
    attempt: Attempt, why: HexTrackrError, target: str = "", *, name: str = "", after: dict[str, Any] | None = None
) -> HexTrackrError:
    """Count and log a failed sign-in, and return the error to raise: ``why``, or :class:`SignInLocked` if it is locked now.

    :param name: the name that was entered.
    """
    wait = transactions.write(db.engine, lambda session: attempt.failed(session, now_ms()), sleep=socketio.sleep)
    audit.record("sign-in", target, outcome=why.code, name=name, after=after)
    if not wait:
        return why
    audit.record("lock", target or "address", after={"seconds": math.ceil(wait / 1000)}, name=name)
    return SignInLocked(_wait(wait), wait / 1000)


def begin(user: User, browser: Browser, hours: int) -> str:
    """Make a login for a user who has signed in with another provider, and return its secret."""
    secret = transactions.write(db.engine, lambda session: _insert(session, user, browser, hours), sleep=socketio.sleep)
    audit.record("sign-in", f"user {user.name}", actor=Actor(user.name, Role.of(user.role), "login", user.id))
    return secret


def _insert(session: Session, user: User, browser: Browser, hours: int) -> str:
    secret, now = passwords.make_secret(), now_ms()
    session.execute(delete(Login).where(Login.expires_at <= now))
    session.add(
        Login(
            user_id=user.id, digest=passwords.digest_of_secret(secret), address=browser.address[:64], agent=browser.agent[:255],
            created_at=now, seen_at=now, expires_at=now + hours * _HOUR,
        )
    )  # fmt: skip
    return secret


def actor_of(secret: str) -> Actor | None:
    """Return the user of the login with this secret; None if the login has ended."""
    wanted = (
        select(Login.id, User.id, User.name, User.role)
        .join(User, User.id == Login.user_id)
        .where(Login.digest == passwords.digest_of_secret(secret), Login.expires_at > now_ms(), User.active)
        .where(User.provider == users.provider())
    )
    with Session(db.engine) as session:
        row = session.execute(wanted).first()
    if row is None:
        return None
    login_id, user_id, name, role = row
    return Actor(name, Role.of(role), "login", user_id=user_id, login_id=login_id)


def listed(user_id: int) -> list[dict[str, Any]]:
    """Return the logins of a user, newest first."""
    wanted = select(Login).where(Login.user_id == user_id, Login.expires_at > now_ms()).order_by(Login.id.desc())
    with Session(db.engine) as session:
        return [
            {"id": row.id, "address": row.address, "agent": row.agent, "createdAt": row.created_at, "seenAt": row.seen_at,
             "expiresAt": row.expires_at}
            for row in session.scalars(wanted)
        ]  # fmt: skip


def end(user_id: int, login_id: int) -> None:
    """End one login of a user.

    :raises NotFound: ``UNKNOWN_LOGIN``.
    """
    if not _delete(Login.user_id == user_id, Login.id == login_id):
        raise NotFound("There is no such login.", "UNKNOWN_LOGIN")
    audit.record("sign-out", f"login {login_id}")


def end_all(user_id: int) -> None:
    """End all logins of a user."""
    _delete(Login.user_id == user_id)
    audit.record("sign-out", "all logins")


def _delete(*conditions: Any) -> int:
    def write(session: Session) -> int:
        return int(session.execute(delete(Login).where(*conditions)).rowcount)  # type: ignore[attr-defined]

    return transactions.write(db.engine, write, sleep=socketio.sleep)


def _wait(milliseconds: int) -> str:
    seconds = math.ceil(milliseconds / 1000)
    length = f"{seconds} second{'s' if seconds > 1 else ''}" if seconds < 90 else f"{math.ceil(seconds / 60)} minutes"
    return f"Too many failed attempts; please wait {length} and try again."
