"""Log lines that stay lines: nothing a client sends can end one, or begin one of its own."""

from __future__ import annotations

import logging
from typing import Any

from .legible import legible

#: What the further lines of a record begin with; no record's first line does.
CONTINUED = "  | "


class OneLineRecord(logging.LogRecord):
    """A record whose message is one line, and whose traceback is marked as belonging to it."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.exc_info and self.exc_info[0] is not None:
            lines = logging.Formatter().formatException(self.exc_info).split("\n")
            self.exc_text = "\n".join(CONTINUED + legible(line) for line in lines)

    def getMessage(self) -> str:
        """The message with what would not be shown escaped."""
        return legible(super().getMessage())


def set_up() -> None:
    """Make every record of this process such a one, whichever library writes it."""
    logging.setLogRecordFactory(OneLineRecord)
