"""Passwords, what may be one and whether one is right; and the secrets that logins and tokens are known by.

argon2id takes a tenth of a second and 64 MB on purpose. It runs beside the event loop, one at a time in each process: so many sign-ins at
once take neither the loop's time nor the machine's memory, they wait for each other.

The secret of a login or a token is a random text, of which only the digest is stored. It has 256 bits by chance, so nobody tries them all:
unlike a password it needs no slow hash, and a request costs one look-up.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import BoundedSemaphore, Lock
from typing import TYPE_CHECKING

from hextrackr.errors import RequestError, TooMany
from hextrackr.extensions import offload

if TYPE_CHECKING:
    from argon2 import PasswordHasher

#: The minimum and maximum length of a password.
SHORTEST, LONGEST = 12, 128
#: Sign-ins that may wait for their turn in one process.
MOST_WAITING = 200

#: A hash that no password matches: verified for unknown names, so that the response time does not reveal whether a user exists.
_DECOY = "$argon2id$v=19$m=65536,t=2,p=1$/ZHYlcK4kMMR4R7xkk6YMA$VL+T2vulknR8Z7Uat0523+UC/1bSvoX3tF2F3AY6wDY"

_turn = BoundedSemaphore(1)
_waiting = 0
_count = Lock()


def check(password: str, name: str) -> None:
    """Refuse a weak password: length counts, the kinds of characters do not (NIST SP 800-63B).

    :raises RequestError: the password is refused; the message says why.
    """
    if len(password) < SHORTEST:
        raise RequestError(f"A password needs at least {SHORTEST} characters.", "WEAK_PASSWORD")
    if len(password) > LONGEST:
        raise RequestError(f"A password may have at most {LONGEST} characters.", "WEAK_PASSWORD")
    plain = password.casefold()
    if name.casefold() in plain and len(plain) - len(name) <= SHORTEST // 2:
        raise RequestError("A password must not consist of the name and a few more characters.", "WEAK_PASSWORD")
    if len(set(plain)) < 5 or "hextrackr" in plain:
        raise RequestError(
            "This password is too easy to guess; use several unrelated words.",
            "WEAK_PASSWORD",
        )


@contextmanager
def turn() -> Iterator[None]:
    """Wait until no other password is being hashed.

    :raises TooMany: too many are waiting already.
    """
    global _waiting
    with _count:
        if _waiting >= MOST_WAITING:
            raise TooMany
        _waiting += 1
    try:
        with _turn:
            yield
    finally:
        with _count:
            _waiting -= 1


def is_right(stored: str | None, password: str) -> bool:
    """Return whether a password matches a stored hash; without one return False, after the same time. Call it inside :func:`turn`."""
    return offload(_verify, _hasher(), stored or _DECOY, password[: LONGEST + 1]) and stored is not None


def hashed(password: str) -> str:
    """Return the hash of a password. Call it inside :func:`turn`."""
    return offload(_hasher().hash, password)


def load() -> None:
    """Import argon2 when the server starts, so that the first sign-in does not block the event loop."""
    _hasher()


@cache
def _hasher() -> PasswordHasher:
    """Return the hasher; imports argon2, which only servers with passwords need."""
    from argon2 import PasswordHasher

    return PasswordHasher(time_cost=2, memory_cost=64 * 1024, parallelism=1)


def _verify(hasher: PasswordHasher, stored: str, password: str) -> bool:
    from argon2.exceptions import InvalidHashError, VerificationError  # imported with the hasher

    try:
        return hasher.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


def make_secret(prefix: str = "") -> str:
    """Return a new secret."""
    return prefix + secrets.token_urlsafe(32)


def digest_of_secret(secret: str) -> str:
    """Return the digest of a secret, which is what the database stores."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
