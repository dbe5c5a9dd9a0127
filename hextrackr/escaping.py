"""Text that comes from a file or a client, made fit for one line of a log or a sentence of ours."""

from __future__ import annotations

import re

#: Control characters of both sets, what ends a line in Unicode, and what turns the direction of the text around it.
_UNSHOWN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\ufeff\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def escape_control_characters(text: str) -> str:
    """Return ``text`` with everything that a terminal or a page would not show written as ``\\x1b`` or ``\\u202e``."""
    return _UNSHOWN.sub(_escaped, text)


def without_unshown(text: str) -> str:
    """Return ``text`` without those characters: for names that people will see again."""
    return _UNSHOWN.sub("", text)


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
