"""The scores that cells hold, as SQL: numbers of a known scale, alone or before a vector in brackets. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hextrackr.domain.fields import FINDING, VULNERABILITY, Kind

#: Where the scale of each score of a row ends; all begin at 0.
HIGHEST = {field.name: field.highest for field in (*VULNERABILITY, *FINDING) if field.kind is Kind.SCORE}


@dataclass(frozen=True)
class Scale:
    """How a column's numbers are brought back to their scale.

    :ivar divisor: what they are divided by; 0 leaves out what is over the scale.
    :ivar over_only: divide only those that are over the scale and have no decimals.
    """

    divisor: float
    over_only: bool


def number(cell: str) -> str:
    """An expression: the number with which ``cell`` begins, or NULL.

    That is 9.8 in ``9.8 (AV:N/AC:L)`` and in ``9,8``, and 0.098 in ``9.8%``.
    """
    begins = rf"regexp_extract({cell}, '^([0-9]+(?:[.,][0-9]+)?) ?(?:%|\(.*)?$', 1)"
    rest = f"try_cast(replace({begins}, ',', '.') AS DOUBLE)"
    return f"coalesce(try_cast({cell} AS DOUBLE), CASE WHEN contains({cell}, '%') THEN {rest} / 100 ELSE {rest} END)"


def score(highest: float, cells: Mapping[str, Scale | None], *, limited: bool) -> str:
    """An expression: the first number among ``cells``.

    :param highest: where the scale ends; it begins at 0.
    :param limited: give NULL for a number that is off the scale; else numbers are as they come, so that one can find out.
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
