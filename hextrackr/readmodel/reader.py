"""The program of the reader process: answers questions from the copy, and refreshes the copy. Ends when its parent does.

Questions are frames (:mod:`.pipe`) with the head ``{"id", "question", "parameters", "seconds", "at_least", "newest"}``. Answers come in any
order, with the head ``{"id", "version", "error"}`` and the JSON in the body. An error is ``{"code", "detail", "status", "kind"}``, where
the kind is the name of its class. A frame with the head ``{"id", "question": "_unwanted"}`` interrupts a question. Frames with the head
``{"refreshed"}`` tell the share of the running refresh that is done, 0..1.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import orjson

from hextrackr import logs
from hextrackr.db.error_mapping import error_from_exception
from hextrackr.errors import DatabaseBusy, DiskFull, HexTrackrError, NotFound, OutOfMemory, QueryTooSlow

from . import questions
from .copy import DAMAGE, Copy, Tell, refresh, state_of
from .pipe import STATUS, UNWANTED, Head, Pipe
from .record import Record, State, record

log = logging.getLogger(__name__)

#: Questions that may be open at a time, and those of them that DuckDB runs at a time, which is limited by memory; and beside these the
#: questions that may take minutes.
WORKERS = 32
RUNNING = 4
RUNNING_LONG = 2
#: Seconds to wait for a refresh that a question does not need: most take less. After that the answer is of the version before.
PATIENCE = 1.0
#: Seconds between two attempts to interrupt a question: it may be between two statements.
_INTERRUPT_EVERY = 0.05
#: The exit status of a process that has found its copy damaged and removed it.
DAMAGED = 76

_TOO_LARGE = "The question needs more memory than the server may use for it; please limit it further."
_NO_SPACE = ("No space left", "max_temp_directory_size")


def main(descriptor: int, database_url: str, folder: str, memory_limit: str, package: str) -> None:
    """Serve questions from the socket with this descriptor until its other end is closed.

    :param folder: the folder of the copies.
    :param memory_limit: the memory of DuckDB.
    :param package: the package that defines the questions.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which then closes the socket
    os.umask(0o077)
    end = socket.socket(fileno=descriptor)
    end.setblocking(True)  # an event loop on the other side has made it non-blocking
    questions.load(package)
    pipe = Pipe(end)
    copy = Copy(Path(folder), memory_limit)
    answers = Answers(copy, Refresher(copy, record(database_url), lambda share: pipe.send({"refreshed": share})))
    serve(pipe, answers)
    os._exit(0)  # the parent is gone, and nobody waits for the open questions


def serve(pipe: Pipe, answers: Answers) -> None:
    """Answer questions as they come, several at a time."""
    unwanted: dict[int, threading.Event] = {}  # question -> set once nobody waits for its answer

    def answer(head: Head) -> None:
        reply, body = answers.answer(head)
        del unwanted[head["id"]]
        pipe.send(reply, body)

    workers = ThreadPoolExecutor(WORKERS, "question")
    for head, _ in pipe.frames():
        if head["question"] == UNWANTED:
            unwanted.get(head["id"], threading.Event()).set()
            continue
        head["until"] = time.monotonic() + head["seconds"]
        head["unwanted"] = unwanted[head["id"]] = threading.Event()
        workers.submit(answer, head)


class Refresher:
    """Refreshes the copy when the record is newer, in a thread of its own.

    :param record: the record that is copied.
    :param tell: is told the share of the running refresh that is done, 0..1; and 0 when it has ended.
    """

    def __init__(self, copy: Copy, record: Record, tell: Tell) -> None:
        self._copy = copy
        self._record = record
        self._tell = tell
        self._changed = threading.Condition()
        self._state = copy.state()
        self._wanted = False
        #: When the pending or running refresh was requested (monotonic seconds); None if there is none.
        self._since: float | None = None
        self._error: HexTrackrError | None = None
        self.seconds = 0.0
        threading.Thread(target=self._run, name="refresh", daemon=True).start()

    def ensure_fresh(self, until: float, at_least: int | None, newest: bool) -> None:
        """Request a refresh if the record has changed, and wait for it; only for :data:`PATIENCE` if the question does not need it.

        If the record was replaced, by a backup for example, what the copy has is not old but wrong, so every question needs it.

        :param until: when the question has to be answered (monotonic seconds).
        :param at_least: the lowest version that the answer may have.
        :param newest: the answer must be of the record as it is now.
        :raises HexTrackrError: the record cannot be read, or the copy is not ready in time.
        """
        now, before = self._record.state(), self._state
        if before == now:
            return
        is_required = newest or before is None or before.version < (at_least or 0) or self._was_replaced(before)
        with self._changed:
            self._since = self._since or time.monotonic()
            self._error, self._wanted = None, True
            self._changed.notify_all()
            wait_until = until if is_required else min(until, self._since + PATIENCE)
            is_refreshed = self._changed.wait_for(
                lambda: self._is_at(now, before) or self._error, max(0.0, wait_until - time.monotonic())
            )
            if self._error is not None:
                raise self._error
            if is_required and not is_refreshed:
                raise DatabaseBusy("The lists are being brought up to date; please try again in a moment.")

    def _was_replaced(self, before: State) -> bool:
        with self._record.snapshot() as snapshot:
            return not snapshot.continues(before)

    def _is_at(self, wanted: State, before: State | None) -> bool:
        """Whether the copy has the wanted state or a later one; a record that was replaced may have a lower version."""
        state = self._state
        return state == wanted or (state is not None and state != before and state.version >= wanted.version)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._wanted)
                self._wanted = False
            error: HexTrackrError | None = None
            began = time.monotonic()
            try:
                state = refresh(self._copy, self._record, self._tell)
            except Exception as failure:
                error = _error_of(failure, self._copy)
                log.warning("The copy of the record could not be refreshed: %s %s", error.code, failure)
            self._tell(0.0)
            with self._changed:
                self._error = error
                self._since = time.monotonic() if self._wanted else None
                if error is None:
                    self._state, self.seconds = state, time.monotonic() - began
                self._changed.notify_all()


class Answers:
    """Answers questions from the copy."""

    def __init__(self, copy: Copy, refresher: Refresher) -> None:
        self._copy = copy
        self._refresher = refresher
        self._may_run = threading.Semaphore(RUNNING)
        self._may_run_long = threading.Semaphore(RUNNING_LONG)

    def answer(self, head: Head) -> tuple[Head, bytes]:
        """Return the head and the body of the answer to a question; a long one is always answered from the record as it is now."""
        reply: Head = {"id": head["id"], "version": 0, "error": None}
        try:
            if head["question"] != STATUS or head["newest"]:
                is_newest = head["newest"] or questions.is_long(head["question"])
                self._refresher.ensure_fresh(head["until"], head["at_least"], is_newest)
            with self._running(head):
                reply["version"], body = self._answer(head)
        except Exception as failure:
            error = _error_of(failure, self._copy)
            if error.code == HexTrackrError.code:
                log.error("The question %s failed", head["question"], exc_info=failure)
            error_reply = {**error.record(), "status": error.status, "kind": type(error).__name__}
            return {**reply, "error": error_reply}, b""
        return reply, body

    @contextmanager
    def _running(self, head: Head) -> Iterator[None]:
        """Run a question inside the block, once there are few enough others.

        :raises QueryTooSlow: its time is over before that.
        """
        may_run = self._may_run_long if questions.is_long(head["question"]) else self._may_run
        if not may_run.acquire(timeout=max(0.0, head["until"] - time.monotonic())):
            raise QueryTooSlow
        try:
            yield
        finally:
            may_run.release()

    def _answer(self, head: Head) -> tuple[int, bytes]:
        cursor = self._copy.connection.cursor()
        try:
            cursor.begin()  # the question sees one version only
            state = state_of(cursor)
            version = 0 if state is None else state.version
            if head["question"] == STATUS:
                answer: Any = {"version": version, "bytes": self._copy.size(), "seconds": self._refresher.seconds}
            else:
                question = _found(head["question"])
                with _interrupted(cursor, head["until"], head["unwanted"]):
                    answer = question(cursor, head["parameters"])
        finally:
            cursor.close()
        return version, answer if isinstance(answer, bytes) else orjson.dumps(answer, default=_as_json)


def _found(name: str) -> questions.Question:
    try:
        return questions.find(name)
    except LookupError:
        raise NotFound(f"There is no question '{name}'.", "UNKNOWN_QUESTION") from None


@contextmanager
def _interrupted(cursor: duckdb.DuckDBPyConnection, until: float, unwanted: threading.Event) -> Iterator[None]:
    """Interrupt the statements of the cursor inside the block, with ``duckdb.InterruptException``.

    :param until: when the time is over (monotonic seconds).
    :param unwanted: is set once nobody waits for the answer any more; and at the end of the block.
    """
    done = threading.Event()

    def watch() -> None:
        unwanted.wait(max(0.0, until - time.monotonic()))
        while not done.is_set():
            cursor.interrupt()
            done.wait(_INTERRUPT_EVERY)

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    try:
        yield
    finally:
        done.set()
        unwanted.set()  # wakes the thread
        watching.join()


def _error_of(failure: Exception, copy: Copy) -> HexTrackrError:
    """The error to answer. If the copy is damaged, remove it and end this process: the next one rebuilds it."""
    if isinstance(failure, duckdb.InterruptException):
        return QueryTooSlow()
    if isinstance(failure, duckdb.OutOfMemoryException):
        return DiskFull() if any(words in str(failure) for words in _NO_SPACE) else OutOfMemory(_TOO_LARGE)
    if isinstance(failure, duckdb.IOException) and any(words in str(failure) for words in _NO_SPACE):
        return DiskFull()
    if isinstance(failure, DAMAGE):
        log.error("The copy of the record is damaged and will be rebuilt: %s", failure)
        copy.remove()
        os._exit(DAMAGED)
    return error_from_exception(failure)


def _as_json(value: Any) -> Any:
    """Encode a value that JSON does not have: DuckDB's decimal numbers."""
    return float(value)


if __name__ == "__main__":
    logs.begin_child(os.environ.get("LOG_FORMAT", "text"), os.environ.get("LOG_LEVEL", "INFO"), "reader")
    main(int(sys.argv[1]), os.environ["READER_DATABASE_URL"], *sys.argv[2:5])
