"""Escape text from files and clients: for one line of a log or a message, and for a cell that a spreadsheet would run as a formula."""

from __future__ import annotations

import re
from typing import Any

#: Control characters, Unicode line ends, characters that change the direction of text, and surrogates.
_INVISIBLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\ufeff\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def escape_control_characters(text: str) -> str:
    """Return ``text`` with all invisible characters written as ``\\x1b`` or ``\\u202e``."""
    return _INVISIBLE.sub(_escaped, text)


def remove_invisible(text: str) -> str:
    """Return ``text`` without invisible characters, for names that are shown to people."""
    return _INVISIBLE.sub("", text)


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


#: The characters that begin one.
FORMULA_STARTS = "=+-@\t\r\uff1d\uff0b\uff0d\uff20"


def neutralised(cell: Any) -> Any:
    """A cell of a CSV, with an apostrophe before a text that would be run."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(tuple(FORMULA_STARTS)) else cell
