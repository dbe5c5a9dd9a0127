"""The lists of this process, which whoever changes the record waits for before calling it done."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hextrackr.errors import HexTrackrError

if TYPE_CHECKING:
    from hextrackr.readmodel.client import Reader

log = logging.getLogger(__name__)

#: Seconds between two progress updates while the lists are refreshed.
_TICK = 0.1


class Lists:
    """The lists that the reader of this process answers.

    :param start_task: starts a background task in the server's async mode.
    """

    def __init__(self, reader: Reader, start_task: Callable[..., Any]) -> None:
        self._reader = reader
        self._start_task = start_task

    @property
    def exist(self) -> bool:
        """Whether there are any: the reader starts with the first question."""
        return self._reader.pid is not None

    @property
    def refreshed(self) -> float:
        """The share of the running refresh that is done, 0..1."""
        return self._reader.refreshed

    def refresh(self, meanwhile: Callable[[], None]) -> None:
        """Wait until the lists show the current record, if there are any.

        :param meanwhile: called several times a second.
        """
        if not self.exist:
            return
        done = threading.Event()
        self._start_task(self._refresh, done)
        while not done.wait(_TICK):
            meanwhile()

    def _refresh(self, done: threading.Event) -> None:
        try:
            self._reader.refresh()
        except HexTrackrError as error:
            log.warning("The lists are not up to date yet: %s", error.detail)
        finally:
            done.set()
