"""Answer questions about the record in the test's own process, which is faster than starting a reader."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import psycopg

from hextrackr.db.error_mapping import error_from_exception
from hextrackr.readmodel import questions
from hextrackr.readmodel.copy import Copy, refresh
from hextrackr.readmodel.record import record


class ReaderHere:
    """A replacement for :class:`hextrackr.readmodel.client.Reader`."""

    def __init__(self, database_url: str, folder: Path) -> None:
        self._url, self._folder = database_url, folder
        self._copy: Copy | None = None
        self._one_at_a_time = threading.Lock()
        self.starts, self.pid = 0, None

    def ask(self, question: str, parameters: Mapping[str, Any] | None = None, *_: Any, **__: Any) -> bytes:
        """Answer a question from the current record."""
        with self._one_at_a_time:
            copy = self._refreshed()
        cursor = copy.connection.cursor()
        cursor.begin()
        decoded = orjson.loads(orjson.dumps(dict(parameters or {})))
        answer = questions.find(question)(cursor, decoded)
        cursor.close()
        return orjson.dumps(answer, default=float)

    def _refreshed(self) -> Copy:
        if self._copy is None:
            questions.load("hextrackr.queries")
            self._copy = Copy(self._folder, "192MB")
        try:
            refresh(self._copy, record(self._url))
        except (sqlite3.Error, psycopg.Error) as error:
            raise error_from_exception(error) from error
        return self._copy

    def refresh(self) -> int:
        """Do nothing, as every question refreshes the copy."""
        return 0

    def status(self, _deadline: float = 0) -> dict[str, Any]:
        """The status of an empty copy."""
        return {"version": 0, "bytes": 0, "seconds": 0.0}

    def close(self) -> None:
        """Close the copy."""
        if self._copy is not None:
            self._copy.connection.close()
            self._copy = None
