"""Asks the reader process: starts it when there is something to ask, and again when it has died.

Works in green threads and in plain ones: it waits for events only, and a thread of the process's own kind listens to the reader.
"""

from __future__ import annotations

import itertools
import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from hextrackr import logs
from hextrackr.errors import HexTrackrError, Interrupted, QueryTooSlow
from hextrackr.paths import IMPORT_ROOT

from .pipe import STATUS, Head, Pipe

log = logging.getLogger(__name__)

#: How much longer than a question may take its answer is waited for, in seconds: then the reader is taken to hang.
GRACE = 5.0
#: How long the first copy, or one that is insisted on, may take, in seconds.
REFRESH_SECONDS = 300.0

_DIED = "The process that answers this ended before it had; please try again."


@dataclass
class _Pending:
    """A question that is not answered yet; ``head`` stays None if the reader has ended."""

    answered: threading.Event = field(default_factory=threading.Event)
    head: Head | None = None
    body: bytes = b""


class _Child:
    """A reader process, and the questions that it has not answered yet.

    :raises OSError: the system has no room for another process.
    """

    def __init__(self, database_url: str, folder: Path, memory_limit: str, package: str) -> None:
        own, theirs = socket.socketpair()
        with theirs:
            try:
                # A group of its own: Ctrl-C reaches the server only, which then lets the child go.
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
                    # Not an argument: it may have a password, and everybody sees the arguments of a process.
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
        self._listening = threading.Thread(target=self._listen, name="reader-answers", daemon=True)
        self._listening.start()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def ask(self, head: Head, patience: float) -> _Pending:
        """Ask, and wait for the answer.

        :param patience: how long, in seconds.
        :raises TimeoutError: there is none.
        """
        pending = _Pending()
        with self._lock:
            if self.is_gone:
                return pending
            self._pending[head["id"]] = pending
        if not self._pipe.send(head):
            return pending
        if not pending.answered.wait(patience):
            raise TimeoutError
        return pending

    def discard(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        self._listening.join()

    def _listen(self) -> None:
        for head, body in self._pipe.frames():
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

    :param folder: where the copies of the record are kept.
    :param memory_limit: what DuckDB may hold in memory, such as ``192MB``.
    :param seconds: how long a question may take that does not say so itself.
    :param package: where the questions are.
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
        """The process id of the reader, while there is one."""
        child = self._child
        return None if child is None or child.is_gone else child.pid

    def ask(
        self,
        question: str,
        parameters: Mapping[str, Any] | None = None,
        at_least_version: int | None = None,
        deadline: float | None = None,
    ) -> bytes:
        """The answer to a question, as JSON.

        It is of the record as it is now, unless to bring the copy up to date takes long: then of the version before.

        :param question: the name of a function of ``hextrackr.queries``.
        :param parameters: anything that JSON can hold.
        :param at_least_version: the answer must be of this version of the record or a later one, however long that takes.
        :param deadline: how long it may take, in seconds.
        :raises HexTrackrError: what the question raised; or QueryTooSlow, OutOfMemory, DatabaseBusy, Interrupted.
        """
        return self._ask(question, parameters, at_least_version, deadline or self._seconds)

    def refresh(self) -> int:
        """Wait until whoever asks gets an answer of the record as it is now, and return the version.

        :raises HexTrackrError: as :meth:`ask`.
        """
        return int(self._status(REFRESH_SECONDS, newest=True)["version"])

    def status(self, deadline: float = GRACE) -> dict[str, Any]:
        """The ``version`` of the copy (0 if there is none yet), its ``bytes`` on the disk, and the ``seconds`` that the last refresh took.

        :param deadline: how long it may take, in seconds: it does not wait for a refresh, but the process may have to be started.
        :raises HexTrackrError: as :meth:`ask`.
        """
        return self._status(deadline, newest=False)

    def close(self) -> None:
        """End the process; whoever asks starts another one."""
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
    ) -> bytes:
        """Ask, and once more if the process dies: it may have been killed, or its copy damaged."""
        head = {"question": question, "parameters": parameters or {}, "seconds": seconds, "at_least": at_least}
        for _ in range(2):
            child = self._started()
            try:
                answer = child.ask({"id": next(self._numbers), "newest": newest, **head}, seconds + GRACE)
            except TimeoutError:
                log.error("The reader has not answered the question %s, and is ended", question)
                self._drop(child)
                raise QueryTooSlow from None
            if answer.head is not None:
                if answer.head["error"] is not None:
                    raise _raised(answer.head["error"])
                return answer.body
            log.warning("The reader process has ended; another one is asked")
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
        """Let the next question start another process, unless that has been done."""
        with self._lock:
            if self._child is child:
                self._child = None
        child.discard()


def _raised(error_reply: dict[str, Any]) -> HexTrackrError:
    """The error that the reader replied with."""
    kinds = [HexTrackrError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    known = {kind.__name__: kind for kind in kinds}
    error = known.get(error_reply["kind"], HexTrackrError)(error_reply["detail"], error_reply["code"])
    error.status = error_reply["status"]
    return error
