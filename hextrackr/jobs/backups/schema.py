"""Empty databases with our own tables, made by our migrations: nothing of a backup's schema is ever taken over."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from hextrackr.errors import BackupRefused, HexTrackrError, Interrupted
from hextrackr.paths import IMPORT_ROOT

from . import copying

#: What :func:`make` makes, in its folder.
DATABASE = "hextrackr.sqlite3"


def make(folder: Path, revision: str = "") -> None:
    """Make a database of a revision, or bring the one that is there up to the newest.

    :raises BackupRefused: what it holds is in the way.
    :raises HexTrackrError: the program that does so could not be started, or not do so.
    """
    # Said to be empty, or a file of settings would name the record itself.
    environment = {**os.environ, "DATABASE_URL": "", "REDIS_URL": "", "IMPORT_WORKERS": "embedded"}
    is_new = not (folder / DATABASE).exists()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "flask", "--app", "hextrackr.serving.wsgi", "db", "upgrade", *([revision] if revision else [])],
            env={**environment, "INSTANCE_PATH": str(folder)}, cwd=IMPORT_ROOT, capture_output=True, text=True,
        )  # fmt: skip
    except OSError as error:
        raise Interrupted("A program that this needs could not be started; nothing was changed.") from error
    if done.returncode != 0:
        cause = RuntimeError(done.stderr[-2000:])
        if is_new:
            raise HexTrackrError("An empty record could not be made; nothing was changed.") from cause
        raise BackupRefused("This backup could not be brought up to this version.") from cause
    # Without a log beside it, so that the file alone is the database.
    copying.close_log(folder / DATABASE)
