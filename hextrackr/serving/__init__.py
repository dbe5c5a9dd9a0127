"""What other programs load to serve the app: gunicorn, Celery and ``flask run``.

``app.py``, ``worker.py`` and ``gunicorn.conf.py`` at the top of the repository lead here, where an installed package has them too.
"""
