"""Examine whole columns where a single cell is ambiguous: the order of day and month, and the scale of a score."""

from __future__ import annotations

from collections.abc import Sequence

from . import cell_sql
from .cell_sql import Scale
from .csv_database import CsvDatabase
from .formats.format import Recognised
from .mapping import DATE_FIELDS, Mapping, Readings, quoted

DAY_FIRST, MONTH_FIRST = "day-first", "month-first"
_WRITTEN = {True: "day/month/year", False: "month/day/year"}


def date_order(
    database: CsvDatabase, recognised: Recognised, sample: Sequence[Sequence[str]], chosen: str | None
) -> tuple[bool, list[str]]:
    """Decide whether the day comes first in the file's dates.

    All date columns count together, since one program wrote them.

    :param sample: the first rows; the columns are read only if these are ambiguous.
    :param chosen: ``day-first`` or ``month-first`` if the user has chosen one, which has priority.
    :return: the decision, and warnings for the user.
    """
    if chosen is not None:
        return chosen == DAY_FIRST, []
    mapping = Mapping(recognised, Readings())
    default = recognised.format.day_first
    columns = _undecided(mapping.places(DATE_FIELDS), sample)
    if not columns:
        return default, []
    first, second, either = _evidence(database, mapping, columns)
    if first and second:
        day_first = first > second or (first == second and default)
        return day_first, [
            f"Some dates begin with the day and some with the month; they were read as {_WRITTEN[day_first]}, as most of them are."
        ]
    if first or second:
        day_first = bool(first)
        return day_first, (
            [] if day_first == default else [f"The dates were read as {_WRITTEN[day_first]}: numbers above 12 show it."]
        )
    if either:
        return default, [
            f"The dates do not show whether the day or the month comes first; they were read as {_WRITTEN[default]}. "
            "If that is wrong, import the file again and choose the order."
        ]
    return default, []


def dates_are_usual(recognised: Recognised, sample: Sequence[Sequence[str]]) -> bool:
    """Whether all dates in the first rows have one of the usual formats."""
    places = Mapping(recognised, Readings()).places(DATE_FIELDS)
    cells = (row[place].strip() for row in sample for place in places if place < len(row))
    return all(cell_sql.may_be_usual_day(cell) for cell in cells if cell and cell not in recognised.format.nulls)


def _undecided(places: Sequence[int], sample: Sequence[Sequence[str]]) -> list[int]:
    """The columns to read: those with numeric dates, if the sample has any, or all if it has no date at all."""
    kinds = {place: next(filter(None, (_kind(row, place) for row in sample)), "") for place in places}
    if "other" in kinds.values() and "numbers" not in kinds.values():
        return []
    return [place for place, kind in kinds.items() if kind != "other"]


def _kind(row: Sequence[str], place: int) -> str:
    """The kind of date in a cell: ``numbers`` with ``/`` or ``-``, an ``other`` one, or empty for none."""
    cell = row[place].strip() if place < len(row) else ""
    if cell[:1].isdigit():
        return "numbers" if cell[1:2] in "/-" or cell[2:3] in "/-" else "other"
    return "other" if cell[:1].isalpha() and any(character.isdigit() for character in cell) else ""


def _evidence(database: CsvDatabase, mapping: Mapping, columns: Sequence[int]) -> tuple[int, int, int]:
    """Count the dates whose first number is above 12, those whose second one is, and those that are ambiguous."""
    cells = ", ".join(mapping.cell(place) for place in columns)
    a, b = (f"CAST(regexp_extract(cell, {quoted(cell_sql.NUMERIC_DATE)}, {group}) AS INTEGER)" for group in (1, 2))
    return database.one(f"""
        SELECT count(*) FILTER (a > 12 AND b <= 12), count(*) FILTER (b > 12 AND a <= 12), count(*) FILTER (a <= 12 AND b <= 12 AND a <> b)
        FROM (
            SELECT {a} AS a, {b} AS b FROM (SELECT unnest([{cells}]) AS cell FROM {database.source()})
            WHERE regexp_matches(cell, {quoted(cell_sql.NUMERIC_DATE)})
        )
    """)


def scales(database: CsvDatabase, recognised: Recognised) -> tuple[dict[int, Scale], list[str]]:
    """Decide how to correct scores, if some are outside their scale.

    :return: the correction of each column, and warnings for the user.
    """
    mapping = Mapping(recognised, Readings())
    found: dict[int, Scale] = {}
    warnings = []
    for field, highest in cell_sql.HIGHEST_SCORES.items():
        repaired = dropped = 0
        for place in mapping.places([field]):
            column = _Column(*_measured(database, mapping.cell(place), highest))
            if column.over or column.below:
                scale = _epss_scale(column) if field == "epss" else _tenths(column, strict=field == "cvss")
                left_over = _over(database, mapping.cell(place), scale, highest)
                found[place] = scale
                repaired += (column.over if scale.over_only else column.positive) - left_over if scale.divisor else 0
                dropped += left_over + column.below
        warnings += _score_warnings(field.upper(), highest, repaired, dropped)
    return found, warnings


class _Column:
    """Statistics of a column's numbers."""

    def __init__(
        self, over: int, below: int, positive: int, greatest: float, pointed: int, pointed_over: int, small: int
    ) -> None:
        self.over, self.below, self.positive, self.greatest = over, below, positive, greatest
        self.pointed, self.pointed_over, self.small = pointed, pointed_over, small


def _measured(database: CsvDatabase, cell: str, highest: float) -> tuple[int, int, int, float, int, int, int]:
    return database.one(f"""
        SELECT count(*) FILTER (value > {highest}), count(*) FILTER (value < 0), count(*) FILTER (value > 0), coalesce(max(value), 0),
               count(*) FILTER (pointed), count(*) FILTER (pointed AND value > {highest}), count(*) FILTER (value BETWEEN 1 AND 9)
        FROM (
            SELECT {cell_sql.number("cell")} AS value, regexp_matches(cell, '^[0-9]+[.,][0-9]') AS pointed
            FROM (SELECT {cell} AS cell FROM {database.source()})
        )
    """)


def _tenths(column: _Column, *, strict: bool) -> Scale:
    """A score of 0 to 10 with one decimal, without its point: 98 was 9.8.

    A column without any point has lost all of them, so that its 10 was 1.0; unless, for CVSS, it has numbers from 1 to 9: those
    scores hardly ever lie below 1.
    """
    whole = not column.pointed and not (strict and column.small)
    return Scale(10, over_only=not whole)


def _epss_scale(column: _Column) -> Scale:
    """A probability: a percentage, or without its point (of four or five decimals)."""
    if column.greatest <= 100:
        return Scale(100, over_only=bool(column.pointed) and not column.pointed_over)
    if column.pointed_over or column.greatest > 100_000:
        return Scale(0, over_only=True)
    return Scale(10_000 if column.greatest <= 10_000 else 100_000, over_only=bool(column.pointed))


def _over(database: CsvDatabase, cell: str, scale: Scale, highest: float) -> int:
    """Count the numbers that are outside the scale even after the correction."""
    value = cell_sql.number("cell")
    limit = highest * (scale.divisor or 1)
    uncorrected = f" OR ({value} > {highest} AND {value} <> floor({value}))" if scale.over_only else ""
    source = database.source()
    (count,) = database.one(
        f"SELECT count(*) FROM (SELECT {cell} AS cell FROM {source}) WHERE {value} > {limit}{uncorrected}"
    )
    return int(count)


def _score_warnings(name: str, highest: float, repaired: int, dropped: int) -> list[str]:
    warnings = []
    were, they, their = ("was", "it was", "its") if repaired == 1 else ("were", "they were", "their")
    if repaired and name == "EPSS":
        how = "in percent, or without the decimal point"
        warnings.append(f"{_scores(repaired, name)} {were} {how}; {they} read as parts of one.")
    elif repaired:
        warnings.append(f"{_scores(repaired, name)} had lost {their} decimal point; {they} read as tenths.")
    if dropped:
        were = "was" if dropped == 1 else "were"
        warnings.append(f"{_scores(dropped, name)} outside the scale of 0 to {highest:g} {were} left out.")
    return warnings


def _scores(count: int, name: str) -> str:
    return f"{count} {name} score" + ("" if count == 1 else "s")
