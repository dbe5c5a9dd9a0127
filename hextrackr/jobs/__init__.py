"""Who runs an import.

::

    page, API, command           web process, or a worker process of Celery                    importer process
    service ─► queue (rows) ──► worker (green thread) ─► runner ── job lines ──────────► importer.py ─► ingest.pipeline ─► database
                                                           │   └────◄─ progress lines ──── (meter, ticker)
                                                           └─ progress_reporter ─► tracker

The importer is a child without Flask and without an event loop, which :mod:`.importer_process` starts, asks and kills; the web process
never imports the pipeline. :mod:`.wiring` builds all of it from the settings.
"""
