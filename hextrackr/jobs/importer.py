"""The program of the importer process: receives requests, runs the pipeline, sends progress. Ends when its parent does.

Lines it receives: ``{"type": "job", "session_id", ...}`` with the fields of a :class:`~hextrackr.ingest.attempt.Job`,
``{"type": "undo", "import_id", "database_url", "instance"}``, ``{"type": "merge", "source_id", "into_id", "forecast", "database_url",
"instance"}``, which sends the name of each phase as the message of a progress line, and its figures in the metadata of the last one,
``{"type": "operation", ...}`` with the fields of an :class:`~hextrackr.jobs.backups.operations.Operation` (a backup, a restore or a
clear), and
``{"type": "sweep", "database_url", "instance"}``. Lines it sends:
``{"type": "progress", "progress", "message", "metadata"}``, then one of ``{"type": "completed"}``, ``{"type": "awaiting"}``,
``{"type": "done"}`` and ``{"type": "failed", "error": {code, detail}}``, then ``{"type": "idle", "retire": bool}`` when it has
cleaned up.
"""

from __future__ import annotations

import contextvars
import logging
import os
import queue
import resource
import shutil
import signal
import socket
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import asdict
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from hextrackr import errors, logs
from hextrackr.db import engines
from hextrackr.db.error_mapping import error_from_exception
from hextrackr.domain import merging, undo
from hextrackr.domain.models import ImportState
from hextrackr.ingest import attempt, pipeline
from hextrackr.ingest import staging as sweeping
from hextrackr.ingest.attempt import Job
from hextrackr.progress.estimate import Meter, Reading

from .backups import operations
from .backups.operations import Operation
from .importer_process import MEMORY_EXHAUSTED, Channel, Message
from .maintenance_lock import MaintenanceLock

log = logging.getLogger(__name__)

#: Seconds between two progress lines.
TICK = 0.02
#: A process that has grown by more than this, in MB, retires, so that the system gets the memory back. Most do not and are ready for
#: the next import: the first import grows a process by 45 MB with SQLite, and by 60 MB with PostgreSQL.
RETIRE_MB = 100
#: How long a sweep waits for a lock: not long, as the next import waits for the sweep.
SWEEP_PATIENCE_MS = 2_000
_STATM = Path("/proc/self/statm")


def main(descriptor: int, niceness: int, memory_limit: int) -> None:
    """Serve jobs from the socket with this descriptor until its other end is closed.

    :param niceness: added to the process's own, so that the server's event loop has priority.
    :param memory_limit: the address space of this process in bytes; 0 means no limit.
    """
    threading.excepthook = _thread_failed
    try:
        serve(descriptor, niceness, memory_limit)
    except MemoryError:
        os._exit(MEMORY_EXHAUSTED)


def serve(descriptor: int, niceness: int, memory_limit: int) -> None:
    """Do what :func:`main` says.

    :raises MemoryError: not even the error could be reported.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which then closes the socket
    os.umask(0o077)
    os.nice(niceness)
    if memory_limit:
        limit_memory(memory_limit)
    end = socket.socket(fileno=descriptor)
    end.setblocking(True)  # an event loop on the other side has made it non-blocking
    channel = Channel(end)
    jobs: queue.Queue[Message] = queue.Queue()
    threading.Thread(target=_listen, args=(channel, jobs), daemon=True).start()
    new = memory_mb()
    while True:
        request = jobs.get()
        match request.pop("type"):
            case "sweep":
                sweep_unless_replaced(**request)
                continue  # nobody waits for it
            case "undo":
                undo_import(channel, **request)
            case "merge":
                merge_sources(channel, **request)
            case "operation":
                run_operation(channel, Operation(**request))
            case "job":
                with logs.about(request["import_id"], request.pop("session_id")):
                    run_job(channel, Job(**request))
        channel.send(_idle(new))


def _thread_failed(failure: threading.ExceptHookArgs) -> None:
    """End the process if one of its threads runs out of memory: the import would wait for the thread, or go on without a lease."""
    if isinstance(failure.exc_value, MemoryError):
        os._exit(MEMORY_EXHAUSTED)
    threading.__excepthook__(failure)


def _listen(channel: Channel, jobs: queue.Queue[Message]) -> None:
    for message in channel.messages():
        jobs.put(message)
    os._exit(1)  # the parent is gone: whatever is not committed rolls back by itself


def run_job(channel: Channel, job: Job) -> None:
    """Run one import and send the result."""

    def report(reading: Reading) -> None:
        channel.send({"type": "progress", **vars(reading)})

    meter = Meter(report, time.monotonic, pace=job.pace)
    try:
        Path(job.spill).mkdir(parents=True, exist_ok=True)
        with _joining(job.instance), _ticking(meter, job):
            state = pipeline.run(job, meter)
    except Exception as error:
        outcome = _failure(error, f"Import {job.import_id}")
        state = ImportState.FAILED
    else:
        outcome = {"type": "awaiting" if state == ImportState.AWAITING_CONFIRMATION else "completed"}
    channel.send(outcome)
    _clean_up(job, state)


def undo_import(channel: Channel, import_id: int, database_url: str, instance: str = "") -> None:
    """Undo one import and send the result."""
    try:
        with _joining(instance), engines.opened(database_url) as engine:
            undo.undo_import(engine, import_id)
    except (SQLAlchemyError, OSError, errors.HexTrackrError) as error:
        outcome = _failure(error, f"The undo of import {import_id}")
    else:
        outcome = {"type": "done"}
    channel.send(outcome)
    sweep_unless_replaced(database_url, instance)


def merge_sources(
    channel: Channel, source_id: int, into_id: int, forecast: bool, database_url: str, instance: str
) -> None:
    """Merge a source into another one, or find out what that would do, and say what became of it.

    A merge holds the lock of whoever replaces the record, taken by this process so that it is held until the last write.
    """
    lock = MaintenanceLock(Path(instance))

    def begins(phase: str) -> None:
        channel.send({"type": "progress", "progress": 0.0, "message": phase, "metadata": {}})

    try:
        with lock.joining() if forecast else lock.replacing(), engines.opened(database_url) as engine:
            if forecast:
                figures = merging.forecast(engine, source_id, into_id)
            else:
                figures = merging.merge(engine, source_id, into_id, begins)
    except (SQLAlchemyError, OSError, errors.HexTrackrError) as error:
        outcome = _failure(error, f"The merge of source {source_id} into {into_id}")
    else:
        channel.send({"type": "progress", "progress": 100.0, "message": "", "metadata": asdict(figures)})
        outcome = {"type": "done"}
    channel.send(outcome)
    sweep_unless_replaced(database_url, instance)


def run_operation(channel: Channel, operation: Operation) -> None:
    """Back up, restore or clear, and send the result.

    To replace the record, this process takes the lock itself, so that it is held until its last write.
    """
    replaces = operation.kind != "backup"
    last = 0.0

    def report(progress: float, message: str) -> None:
        nonlocal last
        if time.monotonic() - last > TICK or progress >= 100:
            last = time.monotonic()
            channel.send({"type": "progress", "progress": progress, "message": message, "metadata": {}})

    try:
        with MaintenanceLock(Path(operation.instance)).replacing() if replaces else nullcontext():
            operations.carry_out(operation, report)
    except (sqlite3.Error, SQLAlchemyError, OSError, errors.HexTrackrError) as error:
        outcome = _failure(error, f"The {operation.kind}")
    else:
        outcome = {"type": "done"}
    channel.send(outcome)


def limit_memory(size: int) -> None:
    """Limit the address space of this process, in bytes; allocations beyond it fail.

    https://man7.org/linux/man-pages/man2/setrlimit.2.html
    """
    _, highest = resource.getrlimit(resource.RLIMIT_AS)
    size = size if highest == resource.RLIM_INFINITY else min(size, highest)
    with suppress(ValueError, OSError):  # a system without such a limit
        resource.setrlimit(resource.RLIMIT_AS, (size, size))


def memory_mb() -> float:
    """MB of this process that are in memory now, or if the system does not report that, the maximum so far.

    https://man7.org/linux/man-pages/man5/proc_pid_statm.5.html
    """
    try:
        pages = int(_STATM.read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return pages * resource.getpagesize() / 1024**2


def _failure(error: Exception, what: str) -> Message:
    """Build the line that reports an error; log the details that the user does not see."""
    refusal = error_from_exception(error)
    if refusal.code == errors.HexTrackrError.code:
        log.error("%s failed", what, exc_info=error)
    else:
        log.warning("%s ended: %s %s", what, refusal.code, refusal.detail)
    return {"type": "failed", "error": refusal.record()}


def _idle(new: float) -> Message:
    """Build the line that reports that all work is done.

    :param new: MB of this process before its first work.
    """
    return {"type": "idle", "retire": memory_mb() > new + RETIRE_MB}


@contextmanager
def _ticking(meter: Meter, job: Job) -> Iterator[None]:
    """Report progress at every tick and renew the lease now and then, in a thread, while statements block this one."""
    stop = threading.Event()

    def tick() -> None:
        renewed = time.monotonic()
        while not stop.wait(TICK):
            meter.tick()
            if not meter.promotes and time.monotonic() - renewed > attempt.RENEW_EVERY:
                renewed = time.monotonic()
                _renew(job)

    thread = threading.Thread(target=contextvars.copy_context().run, args=(tick,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _renew(job: Job) -> None:
    try:
        with engines.opened(job.database_url, patience_ms=200) as engine:  # the ticks wait for it
            attempt.renew(engine, job)
    except SQLAlchemyError as error:
        log.warning("The lease was not renewed: %s", error_from_exception(error).code)


def _clean_up(job: Job, state: ImportState) -> None:
    """Remove what only this attempt needed."""
    shutil.rmtree(job.spill, ignore_errors=True)
    if state == ImportState.COMPLETED:
        Path(job.upload).unlink(missing_ok=True)
    if state != ImportState.AWAITING_CONFIRMATION:
        sweep_unless_replaced(job.database_url, job.instance)


def _joining(instance: str) -> AbstractContextManager[None]:
    """Share the lock that the parent process holds already."""
    return MaintenanceLock(Path(instance)).joining() if instance else nullcontext()


def sweep_unless_replaced(database_url: str, instance: str = "") -> None:
    """Run :func:`sweep`, unless the record is being replaced: ids read from one record must not be deleted from another."""
    with suppress(errors.Maintenance), MaintenanceLock(Path(instance)).writing() if instance else nullcontext():
        sweep(database_url)


def sweep(database_url: str) -> None:
    """Delete the staged rows that ended imports have left; if a lock prevents it, the next sweep tries again."""
    try:
        with engines.opened(database_url, SWEEP_PATIENCE_MS) as engine:
            sweeping.clean_up(engine)
    except SQLAlchemyError as error:
        log.warning("The sweep did not end: %s", error_from_exception(error).code)


if __name__ == "__main__":
    logs.begin_child(os.environ.get("LOG_FORMAT", "text"), os.environ.get("LOG_LEVEL", "INFO"), "importer")
    main(*map(int, sys.argv[1:]))
