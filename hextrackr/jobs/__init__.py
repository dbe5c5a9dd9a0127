"""Who runs an import.

::

    web process                                        importer process
    supervisor (green thread) ── job lines ──────────► importer.py ─► ingest.pipeline    ─► database
              ▲            └───◄─ progress lines ────── (meter, ticker)
              └─ tells the tracker

The importer is a child without Flask and without an event loop; the web process never imports the pipeline.
"""
