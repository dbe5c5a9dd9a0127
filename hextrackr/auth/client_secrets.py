"""What a client keeps to show who it is: a random text, of which only the digest is stored.

It has 256 bits by chance, so nobody tries them all: unlike a password it needs no slow hash, and a request costs one look-up.
"""

from __future__ import annotations

import hashlib
import secrets


def make(prefix: str = "") -> str:
    """A new secret."""
    return prefix + secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """What is stored of it."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
