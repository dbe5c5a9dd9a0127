"""Questions: functions of ``hextrackr.queries`` that the reader process calls by name.

::

    @question
    def open_by_severity(cursor, parameters):
        return cursor.execute("SELECT severity, count(*) FROM finding WHERE is_open GROUP BY severity").fetchall()

A question gets a DuckDB cursor of its own, with its own temporary tables, in a transaction that sees one version of the record; and the
parameters, which came as JSON. Its result is encoded as JSON, unless it is bytes already. For invalid parameters it raises errors of
:mod:`hextrackr.errors`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb

Question = Callable[["duckdb.DuckDBPyConnection", Mapping[str, Any]], Any]

_questions: dict[str, Question] = {}
#: The names of those that may take minutes.
_long: set[str] = set()


def question(function: Question) -> Question:
    """Register a function as a question under its name."""
    name = function.__name__
    registered = _questions.setdefault(name, function)
    if registered.__module__ != function.__module__:
        raise ValueError(f"There are two questions called {name}.")
    return function


def long_question(function: Question) -> Question:
    """Register a function as a question that may take minutes: however many of these are asked, the others are answered meanwhile."""
    _long.add(function.__name__)
    return question(function)


def is_long(name: str) -> bool:
    """Whether the question of this name may take minutes."""
    return name in _long


def load(package: str) -> None:
    """Import the module or package that defines the questions."""
    importlib.import_module(package)


def find(name: str) -> Question:
    """Return the question of this name.

    :raises LookupError: there is none.
    """
    return _questions[name]
