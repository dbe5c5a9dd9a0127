"""Parse the scores in cells, as SQL: numbers of a scale, alone or before a vector in brackets. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hextrackr.domain.fields import FINDING, VULNERABILITY, Kind

#: The upper end of each score's scale; all begin at 0.
HIGHEST = {field.name: field.highest for field in (*VULNERABILITY, *FINDING) if field.kind is Kind.SCORE}


@dataclass(frozen=True)
class Scale:
    """The correction of a column's numbers.

    :ivar divisor: the numbers are divided by it; with 0, those above the scale are left out instead.
    :ivar over_only: divide only numbers that are above the scale and have no decimals.
    """

    divisor: float
    over_only: bool


def number(cell: str) -> str:
    """An expression: the number at the beginning of ``cell``, or NULL.

    It is 9.8 for ``9.8 (AV:N/AC:L)`` and for ``9,8``, and 0.098 for ``9.8%``.
    """
    begins = rf"regexp_extract({cell}, '^([0-9]+(?:[.,][0-9]+)?) ?(?:%|\(.*)?$', 1)"
    rest = f"try_cast(replace({begins}, ',', '.') AS DOUBLE)"
    return f"coalesce(try_cast({cell} AS DOUBLE), CASE WHEN contains({cell}, '%') THEN {rest} / 100 ELSE {rest} END)"


def score(highest: float, cells: Mapping[str, Scale | None], *, limited: bool) -> str:
    """An expression: the first number among ``cells``.

    :param highest: the upper end of the scale, which begins at 0.
    :param limited: return NULL for a number outside the scale; otherwise return it unchanged, so that such numbers can be found.
    """
    values = []
    for cell, scale in cells.items():
        value = number(cell)
        if scale is not None and scale.divisor:
            divided = f"round({value} / {scale.divisor}, 5)"
            lost = f"{value} > {highest} AND {value} = floor({value})"
            value = f"CASE WHEN {lost} THEN {divided} ELSE {value} END" if scale.over_only else divided
        values.append(f"CASE WHEN {value} BETWEEN 0 AND {highest} THEN {value} END" if limited else value)
    return f"coalesce({', '.join(values)})" if values else "CAST(NULL AS DOUBLE)"
