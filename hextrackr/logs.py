"""Log lines that stay lines: nothing a client sends can end one, or begin one of its own. And which import a line is about.

As text a line is its message; with ``LOG_FORMAT=json`` it is one JSON object with ``time``, ``level``, ``logger``, ``process``, ``message``
and, where it belongs to an import, ``importId`` and ``sessionId``.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from .escaping import escape_control_characters

#: What the further lines of a record begin with; no record's first line does.
CONTINUED = "  | "
#: Loggers of libraries that bring a handler of their own as long as nobody has set their level.
_LOUD = ("engineio.server", "socketio.server")

_subject: ContextVar[dict[str, Any]] = ContextVar("subject", default={})  # noqa: B039 (never changed in place)
_chosen = {"LOG_FORMAT": "text", "LOG_LEVEL": "INFO"}


class OneLineRecord(logging.LogRecord):
    """A record whose message is one line, and whose traceback is marked as belonging to it."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.subject = _subject.get()
        if self.exc_info and self.exc_info[0] is not None:
            lines = logging.Formatter().formatException(self.exc_info).split("\n")
            self.exc_text = "\n".join(CONTINUED + escape_control_characters(line) for line in lines)

    def getMessage(self) -> str:
        """The message with what would not be shown escaped."""
        return escape_control_characters(super().getMessage())


class JsonLines(logging.Formatter):
    """Writes a record as one JSON object on one line."""

    def format(self, record: logging.LogRecord) -> str:
        told = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "process": record.process,
            "message": record.getMessage(),
            **getattr(record, "subject", {}),
        }
        if record.exc_info and record.exc_info[0] is not None:
            told["exception"] = self.formatException(record.exc_info)
        return json.dumps(told)


@contextmanager
def about(import_id: int, session_id: str) -> Iterator[None]:
    """Let every line that is logged within, in this thread or green thread, say which import it is about."""
    token = _subject.set({"importId": import_id, "sessionId": session_id})
    try:
        yield
    finally:
        _subject.reset(token)


def set_up(kind: str = "text", level: str = "INFO") -> None:
    """Make every record of this process such a one, whichever library writes it.

    :param kind: ``text`` or ``json``: what the processes that this one starts are told as well.
    """
    logging.setLogRecordFactory(OneLineRecord)
    _chosen.update(LOG_FORMAT=kind, LOG_LEVEL=level)


def chosen() -> dict[str, str]:
    """How this process logs, as environment variables for a child."""
    return dict(_chosen)


def as_json(level: str) -> dict[str, Any]:
    """The configuration (:func:`logging.config.dictConfig`) with which all lines of a process are JSON, on its standard error."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": JsonLines}},
        "handlers": {"json": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"level": level, "handlers": ["json"]},
        "loggers": {
            "gunicorn.error": {"level": level, "handlers": [], "propagate": True},
            "gunicorn.access": {"level": level, "handlers": [], "propagate": False},
            **{name: {"level": "ERROR"} for name in _LOUD},
        },
    }


def begin_child(kind: str, level: str, name: str) -> None:
    """Set up the log of a process that gunicorn does not, an importer or a worker."""
    set_up(kind, level)
    if kind == "json":
        from logging.config import dictConfig

        dictConfig(as_json(level))
    else:
        logging.basicConfig(level=level, format=f"%(levelname)s {name} %(message)s")
