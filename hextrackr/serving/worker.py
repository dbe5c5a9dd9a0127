"""Build the Celery worker from the environment, for ``celery -A worker worker``: the app, which runs imports itself."""

import os
from dataclasses import replace

from hextrackr import create_app, database
from hextrackr.config import Config
from hextrackr.jobs.celery_worker import worker_of

config = replace(Config.of_server(), ASYNC_MODE="threading", IMPORT_WORKERS="embedded", METRICS="off")
os.umask(0o077)  # no other user may read database, uploads and backups
if not config.REDIS_URL:
    raise SystemExit("A worker needs REDIS_URL, to be notified of new imports and to report their progress.")

_app = create_app(config)
if why := database.unready(_app):
    raise SystemExit(why)
celery = worker_of(_app, config.REDIS_URL)
