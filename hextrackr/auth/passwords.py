"""Passwords: what may be one, and whether one is right.

argon2id takes a tenth of a second and 64 MB on purpose. It runs beside the event loop, one at a time in each process: so many sign-ins at
once take neither the loop's time nor the machine's memory, they wait for each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import BoundedSemaphore, Lock
from typing import TYPE_CHECKING

from hextrackr.errors import RequestError, TooMany
from hextrackr.extensions import offload

if TYPE_CHECKING:
    from argon2 import PasswordHasher

#: Characters that a password has at least and at most.
SHORTEST, LONGEST = 12, 128
#: Who may wait for a turn in one process.
MOST_WAITING = 200

#: Of no password: looked at for a name that nobody has, so that the time it takes does not tell.
_DECOY = "$argon2id$v=19$m=65536,t=2,p=1$/ZHYlcK4kMMR4R7xkk6YMA$VL+T2vulknR8Z7Uat0523+UC/1bSvoX3tF2F3AY6wDY"

_turn = BoundedSemaphore(1)
_waiting = 0
_count = Lock()


def check(password: str, name: str) -> None:
    """See that a password can be one: long rather than of many kinds of characters (NIST SP 800-63B).

    :raises RequestError: it cannot; the sentence says why.
    """
    if len(password) < SHORTEST:
        raise RequestError(f"A password needs at least {SHORTEST} characters.", "WEAK_PASSWORD")
    if len(password) > LONGEST:
        raise RequestError(f"A password may have at most {LONGEST} characters.", "WEAK_PASSWORD")
    plain = password.casefold()
    if name.casefold() in plain and len(plain) - len(name) <= SHORTEST // 2:
        raise RequestError("A password must not be the name with a few characters more.", "WEAK_PASSWORD")
    if len(set(plain)) < 5 or "hextrackr" in plain:
        raise RequestError(
            "This password is too easy to guess; several words that do not belong together are hard to.",
            "WEAK_PASSWORD",
        )


@contextmanager
def turn() -> Iterator[None]:
    """Wait until no other password is looked at.

    :raises TooMany: too many wait already.
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
    """Whether this is the password that was stored; the caller has the turn. Without a stored one it takes as long, and is False."""
    return offload(_verify, _hasher(), stored or _DECOY, password[: LONGEST + 1]) and stored is not None


def hashed(password: str) -> str:
    """A password as it is stored; the caller has the turn."""
    return offload(_hasher().hash, password)


def load() -> None:
    """Load what hashes, before the first sign-in would wait for it, and the event loop with it."""
    _hasher()


@cache
def _hasher() -> PasswordHasher:
    """What hashes; loaded where there are passwords."""
    from argon2 import PasswordHasher

    return PasswordHasher(time_cost=2, memory_cost=64 * 1024, parallelism=1)


def _verify(hasher: PasswordHasher, stored: str, password: str) -> bool:
    from argon2.exceptions import InvalidHashError, VerificationError  # loaded with the hasher

    try:
        return hasher.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False
