"""The columnar copy of the record that answers every question: a question in, JSON out.

::

    web page, API, command --> client --> reader process --> DuckDB file  <-- refresh -- record (SQLite, PostgreSQL)

- :mod:`.schema` lists the tables of the copy and what they are made of.
- :mod:`.record` reads the record: its version, and rows of it, all of one state.
- :mod:`.refresh` makes the copy anew, or brings it up to date by what imports and undos changed.
- :mod:`.machines` joins the hosts of several sources that are one machine.
- :mod:`.copy` is the file: found, opened, made anew when it is damaged.
- :mod:`.questions` is what ``hextrackr.queries`` implements: functions that are given a cursor of DuckDB and parameters.
- :mod:`.reader` is the process that answers; :mod:`.client` starts it and asks it; :mod:`.pipe` is what they say to one another.

The copy is disposable: whatever is wrong with it, it is made anew. Each answer is of one version of the record, never a mixture. The reader
opens the record with one library alone, Python's ``sqlite3`` or psycopg: two copies of SQLite in a process would lose each other's locks.
"""
