"""What answers have of long texts and long lists: the beginning, and how much there is."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Integer, case, func, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.functions import FunctionElement

from hextrackr.domain.models import DefinitionCve

#: Characters of a text in a list.
TEXT = 300
#: CVEs of a definition in a list; on its own page and in a file, which is as many as an import takes over.
LISTED_CVES, CVES = 100, 2_000
#: Entries of any other list within an answer.
ENTRIES = 500


def text(column: Any) -> Any:
    """Selects so much of a text, under its own name, that it is seen whether there is more; SQLite would cut a short one at a NUL."""
    return case((_Bytes(column) <= TEXT, column), else_=func.substr(column, 1, TEXT + 1)).label(column.key)


class _Bytes(FunctionElement[int]):
    """How many bytes a text has."""

    name = "bytes"
    inherit_cache = True
    type = Integer()


@compiles(_Bytes)
def _bytes(element: _Bytes, compiler: Any, **options: Any) -> str:
    column = compiler.process(element.clauses, **options)
    return f"length(CAST({column} AS BLOB))" if compiler.dialect.name == "sqlite" else f"octet_length({column})"


def shown(value: str | None) -> Any:
    """A text as a list shows it: one that is too long ends with an ellipsis."""
    return value if value is None or len(value) <= TEXT else f"{value[: TEXT - 1]}\u2026"


def cves(session: Session | Connection, definitions: Collection[int], most: int) -> dict[int, tuple[list[str], int]]:
    """The first CVEs of each of these definitions, in order, and how many there are."""
    if not definitions:
        return {}
    of_these = DefinitionCve.definition_id.in_(definitions)
    counts = dict(
        session.execute(
            select(DefinitionCve.definition_id, func.count()).where(of_these).group_by(DefinitionCve.definition_id)
        ).all()
    )
    found: dict[int, tuple[list[str], int]] = {number: ([], count) for number, count in counts.items()}
    few = [number for number, count in counts.items() if count <= most]
    columns = select(DefinitionCve.definition_id, DefinitionCve.cve).order_by(DefinitionCve.cve)
    for number, cve in session.execute(columns.where(DefinitionCve.definition_id.in_(few))):
        found[number][0].append(cve)
    for number in counts.keys() - set(few):
        first = columns.where(DefinitionCve.definition_id == number).limit(most)
        found[number][0].extend(cve for _, cve in session.execute(first))
    return found
