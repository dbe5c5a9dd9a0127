"""Builds the app from the environment: what gunicorn and ``flask`` load.

This module, :mod:`.gunicorn_conf` and the gunicorn worker class are the only places that name eventlet:
``ASYNC_MODE`` chooses between it and threads.
"""

import os
import sys
from dataclasses import replace

from hextrackr.config import Config

config = Config.of_server()
os.umask(0o077)  # database, uploads and backups are nobody else's

if "flask" in sys.modules:
    # A command of ``flask`` serves nobody, and it is too late to patch what Flask has imported already.
    config = replace(config, ASYNC_MODE="threading", METRICS="off")

if config.ASYNC_MODE == "eventlet":
    # Else psycopg waits for PostgreSQL in C, and the event loop with it; read when it is imported.
    os.environ["PSYCOPG_WAIT_FUNC"] = "wait_select"

    import eventlet

    eventlet.monkey_patch()  # before anything below imports socket, threading or time

    from eventlet.tpool import execute as offload
else:
    from hextrackr.extensions import run_inline as offload

from hextrackr import create_app  # noqa: E402

app = create_app(config, offload=offload)
