"""The secrets of logins and tokens: random strings, of which the database stores only a digest.

A secret has 256 random bits, so it cannot be guessed: unlike a password it needs no slow hash, and checking it is one look-up.
"""

from __future__ import annotations

import hashlib
import secrets


def make(prefix: str = "") -> str:
    """Return a new secret."""
    return prefix + secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """Return the digest of a secret, which is what the database stores."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
