"""How gunicorn serves the app, which reads this file by its name; the settings are in :mod:`hextrackr.serving.gunicorn_conf`."""

from hextrackr.serving.gunicorn_conf import *  # noqa: F403
