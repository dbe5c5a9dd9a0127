"""Run imports, backups and undos: who does what.

::

    page, API, command           web process, or a worker process of Celery                    importer process
    service ─► queue (rows) ──► worker (green thread) ─► runner ── job lines ──────────► importer.py ─► ingest.pipeline ─► database
                                                           │   └────◄─ progress lines ──── (meter, ticker)
                                                           └─ progress_reporter ─► tracker

The importer is a child process without Flask and without an event loop, which :mod:`.importer_process` starts, commands and kills; the web
process never loads the pipeline. :mod:`.wiring` builds everything from the settings.
"""
