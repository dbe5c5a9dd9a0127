"""Texts that a spreadsheet would run as a formula (OWASP, "CSV Injection")."""

from __future__ import annotations

from typing import Any

#: The characters that begin one.
STARTS = "=+-@\t\r\uff1d\uff0b\uff0d\uff20"


def neutralised(cell: Any) -> Any:
    """A cell of a CSV, with an apostrophe before a text that would be run."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(tuple(STARTS)) else cell
