"""What happens to a file: recognised, read, staged, promoted.

::

    dialect ─► formats ─► reader (DuckDB) ─► staging ─► promotion ─► the final tables
                               every step reports to the meter; pipeline.py is the whole in reading order

Nothing here knows Flask, an event loop or who watches: progress goes to the callable that the meter was given.
"""
