"""Conditions in each dialect's own quick way: text search that ignores case, and a long list of numbers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar

from sqlalchemy import Boolean, Dialect, Integer, String, TypeDecorator, literal
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class _Condition(FunctionElement[bool]):
    """A condition of our own. Of other functions SQLAlchemy writes that they are 1, to which no index leads.

    :cvar written: how it is written, its parts in braces; and ``on_sqlite`` there.
    """

    inherit_cache = True
    type = Boolean()
    written: ClassVar[str]
    on_sqlite: ClassVar[str]

    def self_group(self, against: Any = None) -> Any:
        return self


@compiles(_Condition)
def _written(element: _Condition, compiler: Any, **options: Any) -> str:
    written = element.on_sqlite if compiler.dialect.name == "sqlite" else element.written
    return written.format(*(compiler.process(clause, **options) for clause in element.clauses))


class Contains(_Condition):
    """Whether a column contains a text, whatever the case of its ASCII letters."""

    name = "contains"
    inherit_cache = True
    written = r"{} ILIKE {} ESCAPE '\'"
    # SQLAlchemy's ilike() would make a copy in lower case of every value.
    on_sqlite = r"{} LIKE {} ESCAPE '\'"

    def __init__(self, column: Any, text: str) -> None:
        escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        super().__init__(column, literal(f"%{escaped}%"))


class _Numbers(TypeDecorator[Sequence[int]]):
    """Whole numbers as one value: an array, or a text in JSON where the database has no arrays."""

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        return dialect.type_descriptor(ARRAY(Integer()) if dialect.name == "postgresql" else String())

    def process_bind_param(self, value: Sequence[int] | None, dialect: Dialect) -> Any:
        return value if dialect.name == "postgresql" else json.dumps(value)

    def process_literal_param(self, value: Sequence[int] | None, dialect: Dialect) -> str:
        numbers = json.dumps(value)
        return f"'{{{numbers[1:-1]}}}'" if dialect.name == "postgresql" else f"'{numbers}'"


class Among(_Condition):
    """Whether a column is one of some numbers, however many: they are one value of the statement, which stays the same."""

    name = "among"
    inherit_cache = True
    written = "{} = ANY({})"
    on_sqlite = "{} IN (SELECT value FROM json_each({}))"

    def __init__(self, column: Any, numbers: Sequence[int]) -> None:
        super().__init__(column, literal(list(numbers), _Numbers()))
