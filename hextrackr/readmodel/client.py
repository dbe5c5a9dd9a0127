"""Ask the reader process; start it for the first question, and again when it has died.

Works in green threads and in plain ones: it only waits for events, and a thread of the same kind reads the answers.
"""

from __future__ import annotations

import itertools
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from hextrackr import logs
from hextrackr.errors import HexTrackrError, Interrupted, QueryTooSlow
from hextrackr.paths import IMPORT_ROOT

from .pipe import STATUS, UNWANTED, Head, Pipe

log = logging.getLogger(__name__)

#: Seconds to wait for an answer beyond the question's own deadline; after that the reader counts as hanging.
GRACE = 5.0
#: Seconds between two checks whether an answer is still wanted.
LOOK_EVERY = 0.05
#: Seconds that a refresh may take if the caller needs it.
REFRESH_SECONDS = 300.0

#: Whether anybody waits for an answer.
IsWanted = Callable[[], bool]

_DIED = "The process that answers this ended before it had; please try again."


@dataclass
class _Pending:
    """A question without an answer yet; ``head`` stays None if the reader has died."""

    answered: threading.Event = field(default_factory=threading.Event)
    head: Head | None = None
    body: bytes = b""


class _Child:
    """A reader process, and the questions that it has not answered yet.

    :raises OSError: the system cannot start another process.
    """

    def __init__(self, database_url: str, folder: Path, memory_limit: str, package: str) -> None:
        own, theirs = socket.socketpair()
        with theirs:
            try:
                # With a process group of its own: Ctrl-C reaches only the server, which then ends the child.
                self._process = subprocess.Popen(
                    [
                        sys.executable,
                        "-m",
                        "hextrackr.readmodel.reader",
                        *(str(theirs.fileno()), str(folder), memory_limit, package),
                    ],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    cwd=IMPORT_ROOT,
                    # Not an argument: the URL may contain a password, and arguments of a process are public.
                    env={**os.environ, **logs.chosen(), "READER_DATABASE_URL": database_url},
                    process_group=0,
                )
            except OSError:
                own.close()
                raise
        self._pipe = Pipe(own)
        self._pending: dict[int, _Pending] = {}
        self._lock = threading.Lock()
        self.is_gone = False
        #: See :attr:`Reader.refreshed`.
        self.refreshed = 0.0
        self._listening = threading.Thread(target=self._listen, name="reader-answers", daemon=True)
        self._listening.start()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def ask(self, head: Head, patience: float, is_wanted: IsWanted) -> _Pending:
        """Send a question and wait for the answer; if it is wanted no more, that is an error soon.

        :param patience: seconds to wait.
        :raises TimeoutError: no answer came.
        """
        pending = _Pending()
        with self._lock:
            if self.is_gone:
                return pending
            self._pending[head["id"]] = pending
        if not self._pipe.send(head):
            return pending
        until = time.monotonic() + patience
        while not pending.answered.wait(LOOK_EVERY):
            if time.monotonic() > until:
                raise TimeoutError
            if not is_wanted():
                self._pipe.send({"id": head["id"], "question": UNWANTED})
        return pending

    def discard(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        self._listening.join()

    def _listen(self) -> None:
        for head, body in self._pipe.frames():
            if "refreshed" in head:
                self.refreshed = head["refreshed"]
                continue
            with self._lock:
                pending = self._pending.pop(head["id"], None)
            if pending is not None:
                pending.head, pending.body = head, body
                pending.answered.set()
        with self._lock:
            self.is_gone = True
            pendings = list(self._pending.values())
        for pending in pendings:
            pending.answered.set()
        self._pipe.close()


class Reader:
    """Answers questions about the record.

    :param folder: the folder of the copies.
    :param memory_limit: the memory of DuckDB, such as ``192MB``.
    :param seconds: the default deadline of a question.
    :param package: the package that defines the questions.
    :ivar starts: how often the process was started.
    """

    def __init__(
        self,
        database_url: str,
        folder: Path,
        *,
        memory_limit: str,
        seconds: float,
        package: str = "hextrackr.queries",
    ) -> None:
        self._start: Callable[[], _Child] = lambda: _Child(database_url, folder, memory_limit, package)
        self._seconds = seconds
        self._child: _Child | None = None
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self.starts = 0

    @property
    def pid(self) -> int | None:
        """The process id of the reader, or None."""
        child = self._child
        return None if child is None or child.is_gone else child.pid

    @property
    def refreshed(self) -> float:
        """The share of the running refresh that is done, 0..1; 0 if none is running."""
        child = self._child
        return 0.0 if child is None else child.refreshed

    def ask(
        self,
        question: str,
        parameters: Mapping[str, Any] | None = None,
        at_least_version: int | None = None,
        deadline: float | None = None,
        is_wanted: IsWanted = lambda: True,
    ) -> bytes:
        """Ask a question and return the answer as JSON.

        The answer is of the current record, unless the refresh of the copy takes long: then it is of the version before. A long question,
        such as an export, always waits for the current record.

        :param question: the name of a function of ``hextrackr.queries``.
        :param parameters: its parameters, as values of JSON.
        :param at_least_version: the lowest version of the record that the answer may have, however long the refresh takes.
        :param deadline: seconds that the answer may take.
        :param is_wanted: whether anybody still waits for the answer; called several times a second.
        :raises HexTrackrError: what the question raised; or QueryTooSlow, OutOfMemory, DatabaseBusy, Interrupted.
        """
        return self._ask(question, parameters, at_least_version, deadline or self._seconds, is_wanted=is_wanted)

    def refresh(self) -> int:
        """Wait until the copy is up to date with the record as it is now, and return its version.

        :raises HexTrackrError: as :meth:`ask`.
        """
        return int(self._status(REFRESH_SECONDS, newest=True)["version"])

    def status(self, deadline: float = GRACE) -> dict[str, Any]:
        """Return the ``version`` of the copy (0 if it is empty), its ``bytes`` on the disk, and the ``seconds`` of the last refresh.

        :param deadline: seconds that the answer may take: it does not wait for a refresh, but the process may have to be started.
        :raises HexTrackrError: as :meth:`ask`.
        """
        return self._status(deadline, newest=False)

    def close(self) -> None:
        """End the process; the next question starts another one."""
        with self._lock:
            child, self._child = self._child, None
        if child is not None:
            child.discard()

    def _status(self, deadline: float, newest: bool) -> dict[str, Any]:
        status: dict[str, Any] = orjson.loads(self._ask(STATUS, None, None, deadline, newest))
        return status

    def _ask(
        self,
        question: str,
        parameters: Mapping[str, Any] | None,
        at_least: int | None,
        seconds: float,
        newest: bool = False,
        is_wanted: IsWanted = lambda: True,
    ) -> bytes:
        """Ask, and ask once more if the process dies: it may have been killed, or its copy was damaged."""
        head = {"question": question, "parameters": parameters or {}, "seconds": seconds, "at_least": at_least}
        for _ in range(2):
            child = self._started()
            try:
                answer = child.ask({"id": next(self._numbers), "newest": newest, **head}, seconds + GRACE, is_wanted)
            except TimeoutError:
                log.error("The reader process did not answer the question %s in time and is killed", question)
                self._drop(child)
                raise QueryTooSlow from None
            if answer.head is not None:
                if answer.head["error"] is not None:
                    raise _raised(answer.head["error"])
                return answer.body
            log.warning("The reader process has died; a new one is started")
            self._drop(child)
        raise Interrupted(_DIED)

    def _started(self) -> _Child:
        with self._lock:
            if self._child is None:
                try:
                    self._child = self._start()
                except OSError as error:
                    raise Interrupted(_DIED) from error
                self.starts += 1
            return self._child

    def _drop(self, child: _Child) -> None:
        """End a process, so that the next question starts another one."""
        with self._lock:
            if self._child is child:
                self._child = None
        child.discard()


def _raised(error_reply: dict[str, Any]) -> HexTrackrError:
    """The error in the reader's reply, as an exception of its own class."""
    kinds = [HexTrackrError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    by_name = {kind.__name__: kind for kind in kinds}
    error = by_name.get(error_reply["kind"], HexTrackrError)(error_reply["detail"], error_reply["code"])
    error.status = error_reply["status"]
    return error
