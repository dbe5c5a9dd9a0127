"""What a question is: a function of ``hextrackr.queries`` that the reader process calls by its name.

::

    @question
    def open_by_severity(cursor, parameters):
        return cursor.execute("SELECT severity, count(*) FROM finding WHERE is_open GROUP BY severity").fetchall()

It is given a cursor of DuckDB of its own, whose temporary tables go with it, in a transaction that sees one version of the record, and the
parameters, which came as JSON. What it returns becomes JSON, unless it is bytes already. It raises errors of :mod:`hextrackr.errors` for
parameters that cannot be answered.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb

Question = Callable[["duckdb.DuckDBPyConnection", Mapping[str, Any]], Any]

_questions: dict[str, Question] = {}


def question(function: Question) -> Question:
    """Let a function be asked for by its name."""
    name = function.__name__
    known = _questions.setdefault(name, function)
    if known.__module__ != function.__module__:
        raise ValueError(f"There are two questions called {name}.")
    return function


def load(package: str) -> None:
    """Import the module or package whose questions are asked."""
    importlib.import_module(package)


def find(name: str) -> Question:
    """The question of this name.

    :raises LookupError: there is none.
    """
    return _questions[name]
