"""Backup, restore and clear, step by step, as the importer process carries them out."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hextrackr.errors import HexTrackrError

from . import checking, copying

#: Told the progress, 0..100, and what is being done.
Report = Callable[[float, str], None]

_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Operation:
    """What is to be done.

    :ivar kind: ``backup``, ``restore`` or ``clear``.
    :ivar backup: the file that a backup makes; of a restore or a clear, the one that keeps what is replaced.
    :ivar source: the file that is restored.
    """

    kind: str
    database: str
    backup: str
    source: str = ""


def carry_out(operation: Operation, report: Report) -> None:
    """Do it, or leave everything as it was.

    :raises HexTrackrError: it cannot be done; sqlite3.Error and OSError as well.
    """
    database, backup = Path(operation.database), Path(operation.backup)
    if operation.kind == "backup":
        copying.back_up(database, backup, _share(report, 0, 100, "Copying the record..."))
        return
    with tempfile.TemporaryDirectory(prefix=".restore-", dir=backup.parent) as folder:
        source = copying.fitted(_prepared(operation, Path(folder), report), database, Path(folder))
        keeping = _share(report, 30, 60, "Keeping a backup of what is replaced...")
        copying.back_up(database, backup, keeping)
        copying.put_in_place(source, database, _share(report, 60, 100, "Putting the record in place..."))


def _prepared(operation: Operation, folder: Path, report: Report) -> Path:
    """A database with the tables of this version: the backup itself, a copy of an older one, or one without a row."""
    if operation.kind == "clear":
        report(0, "Making an empty record...")
        _migrate(folder)
        return folder / "hextrackr.sqlite3"
    source = Path(operation.source)
    revision = checking.check(source, _share(report, 0, 25, "Checking the backup..."))
    if revision == checking.revisions()[-1]:
        return source
    report(25, "Bringing the backup up to this version...")
    working = Path(shutil.copyfile(source, folder / "hextrackr.sqlite3"))
    _migrate(folder)
    return working


def _migrate(folder: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "app", "db", "upgrade"],
        env={**environment, "INSTANCE_PATH": str(folder)}, cwd=_ROOT, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode != 0:
        raise HexTrackrError("The backup could not be brought up to this version.") from RuntimeError(
            done.stderr[-2000:]
        )
    # Without a log beside it, so that the file alone is the database.
    copying.close_log(folder / "hextrackr.sqlite3")


def _share(report: Report, first: float, last: float, message: str) -> copying.Report:
    return lambda done: report(first + (last - first) * done, message)
