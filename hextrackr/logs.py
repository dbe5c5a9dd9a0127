"""Logging. Each record is one line, whatever text clients send.

With ``LOG_FORMAT=text`` a line is the message; with ``json`` it is an object with ``time``, ``level``, ``logger``, ``process``, ``message``
and, for records about an import, ``importId`` and ``sessionId``.
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

#: The prefix of the lines of a traceback; no message begins with it.
CONTINUED = "  | "
#: Loggers of libraries that add their own handler unless their level is set.
_LOUD = ("engineio.server", "socketio.server")

_subject: ContextVar[dict[str, Any]] = ContextVar("subject", default={})  # noqa: B039 (never changed in place)
_chosen = {"LOG_FORMAT": "text", "LOG_LEVEL": "INFO"}


class OneLineRecord(logging.LogRecord):
    """A record whose message is one line; the lines of its traceback have a prefix."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.subject = _subject.get()
        if self.exc_info and self.exc_info[0] is not None:
            lines = logging.Formatter().formatException(self.exc_info).split("\n")
            self.exc_text = "\n".join(CONTINUED + escape_control_characters(line) for line in lines)

    def getMessage(self) -> str:
        """Return the message with invisible characters escaped."""
        return escape_control_characters(super().getMessage())


class JsonLines(logging.Formatter):
    """Formats a record as a JSON object on one line."""

    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "process": record.process,
            "message": record.getMessage(),
            **getattr(record, "subject", {}),
        }
        if record.exc_info and record.exc_info[0] is not None:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields)


@contextmanager
def about(import_id: int, session_id: str) -> Iterator[None]:
    """Add the ids of an import to every record that this thread or green thread logs inside the block."""
    token = _subject.set({"importId": import_id, "sessionId": session_id})
    try:
        yield
    finally:
        _subject.reset(token)


def set_up(kind: str = "text", level: str = "INFO") -> None:
    """Use :class:`OneLineRecord` for all records of this process, also those of libraries.

    :param kind: ``text`` or ``json``, also for child processes.
    """
    logging.setLogRecordFactory(OneLineRecord)
    _chosen.update(LOG_FORMAT=kind, LOG_LEVEL=level)


def chosen() -> dict[str, str]:
    """Return the logging settings of this process, as environment variables for a child process."""
    return dict(_chosen)


def as_json(level: str) -> dict[str, Any]:
    """Return the configuration (:func:`logging.config.dictConfig`) of a process that logs JSON to standard error."""
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
    """Set up logging in an importer, a reader or a worker, which gunicorn does not configure."""
    set_up(kind, level)
    if kind == "json":
        from logging.config import dictConfig

        dictConfig(as_json(level))
    else:
        logging.basicConfig(level=level, format=f"%(levelname)s {name} %(message)s")
