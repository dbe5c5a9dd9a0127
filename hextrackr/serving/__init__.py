"""Entry points for the programs that serve the app: gunicorn, Celery and ``flask run``.

``app.py``, ``worker.py`` and ``gunicorn.conf.py`` at the top of the repository import them from here; an installed package does not contain
those files.
"""
