"""The columnar copy of the record that answers every query: a question in, JSON out.

::

    web page, API, command --> client --> reader process --> DuckDB file  <-- refresh -- record (SQLite, PostgreSQL)

- :mod:`.schema` lists the tables of the copy and their columns.
- :mod:`.record` reads the record: its version, and its rows, all of one state.
- :mod:`.machines` joins hosts of several sources that are one machine.
- :mod:`.copy` is the file: opened, brought up to date with the changes of imports and undos, or rebuilt.
- :mod:`.questions` defines a question, which ``hextrackr.queries`` implements: a function of a DuckDB cursor and parameters.
- :mod:`.reader` is the process that answers; :mod:`.client` starts and asks it; :mod:`.pipe` is the protocol between them.

The copy is disposable: if anything is wrong with it, it is rebuilt. Each answer comes from one version of the record, never from a mixture.
The reader opens the record with one library only, Python's ``sqlite3`` or psycopg: two copies of SQLite in a process would lose each
other's locks.
"""
