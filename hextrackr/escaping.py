"""Escape text from files and clients for one line of a log or a message."""

from __future__ import annotations

import re

#: Control characters of both sets, line ends of Unicode, characters that change the direction of text, and surrogates.
_UNSHOWN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\ufeff\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def escape_control_characters(text: str) -> str:
    """Return ``text`` with all invisible characters written as ``\\x1b`` or ``\\u202e``."""
    return _UNSHOWN.sub(_escaped, text)


def without_unshown(text: str) -> str:
    """Return ``text`` without invisible characters, for names that are shown to people."""
    return _UNSHOWN.sub("", text)


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
