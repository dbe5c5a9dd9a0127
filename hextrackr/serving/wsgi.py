"""Build the app from the environment, for gunicorn and ``flask``.

``ASYNC_MODE`` chooses between eventlet and threads. Only this module, :mod:`.gunicorn_conf` and the gunicorn worker class depend on
eventlet.
"""

import os
import sys
from dataclasses import replace

from hextrackr.config import Config

config = Config.of_server()
os.umask(0o077)  # no other user may read database, uploads and backups

if "flask" in sys.modules:
    # Commands of ``flask`` serve no clients, and it is too late to patch modules that Flask has already imported.
    config = replace(config, ASYNC_MODE="threading", METRICS="off")

if config.ASYNC_MODE == "eventlet":
    # Otherwise psycopg waits for PostgreSQL in C, which blocks the event loop; it reads this when it is imported.
    os.environ["PSYCOPG_WAIT_FUNC"] = "wait_select"

    import eventlet

    eventlet.monkey_patch()  # before anything below imports socket, threading or time

    from eventlet.tpool import execute as offload
else:
    from hextrackr.extensions import run_inline as offload

from hextrackr import create_app  # noqa: E402

app = create_app(config, offload=offload)
