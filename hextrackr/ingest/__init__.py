"""Import a file: recognise it, read it, stage its rows, promote them.

::

    dialect ─► formats ─► reader (DuckDB) ─► staging ─► promotion ─► the final tables
                               every step reports to the meter; pipeline.py shows all steps in order

Nothing here depends on Flask, an event loop or the clients: progress goes to the callable of the meter.
"""
