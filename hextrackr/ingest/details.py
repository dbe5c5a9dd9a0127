"""Read the details of hosts and vulnerabilities: further columns of a file, each a label and a text, stored as one JSON object.

They are read in the same pass as the definitions; ``domain/details.py`` saves them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hextrackr.domain.fields import TEXT
from hextrackr.domain.models import ASSET_LEVEL, DEFINITION_LEVEL

from . import bounds, markup
from .formats.format import HOST, HOST_FIELDS, VULNERABILITY
from .mapping import Mapping, quoted

if TYPE_CHECKING:
    from .csv_database import CsvDatabase

#: Zero bytes are removed, as PostgreSQL cannot store them in JSON.
_ZERO = "chr(0)"


class Details:
    """The details of one level in one file, as expressions over cleaned cells.

    :ivar names: the names of the columns with their texts, ``d0``, ``d1``, ...
    """

    def __init__(self, m: Mapping, level: str) -> None:
        self._m = m
        self._details = [detail for detail in m.details if detail.level == level]
        self.names = [f"d{index}" for index in range(len(self._details))]

    @property
    def places(self) -> list[int]:
        """The columns of the file that contain them."""
        return sorted({place for detail in self._details for place in detail.places})

    def texts(self) -> list[str]:
        """Select list, over cells: their texts."""
        cells = (", ".join(f"c{place}" for place in detail.places) for detail in self._details)
        found = [f"replace(coalesce({cell}), {_ZERO}, '')" for cell in cells]
        if self._m.has_markup:
            found = [f"CASE WHEN contains({cell}, '<') THEN {markup.plain(cell)} ELSE {cell} END" for cell in found]
        return [f"{cell} AS {name}" for cell, name in zip(found, self.names, strict=True)]

    def as_json(self) -> str:
        """An expression over ``names``: one object, or NULL; each text is cut further if they are too long together."""
        if not self.names:
            return "CAST(NULL AS VARCHAR)"
        full, shortened = self._object(bounds.VALUE), self._object((TEXT - 4_096) // len(self.names))
        return f"CASE WHEN length({full}) > {TEXT} THEN {shortened} ELSE {full} END"

    def cuts(self) -> str:
        """An expression over ``names``: the number of texts that are too long."""
        return bounds.cuts(dict.fromkeys(self.names, bounds.VALUE))

    def _object(self, limit: int) -> str:
        limit = min(limit, bounds.VALUE)
        members = (
            f"{quoted(json.dumps(detail.label, ensure_ascii=False) + ':')} || CAST(to_json({bounds.bounded(name, limit)}) AS VARCHAR)"
            for detail, name in zip(self._details, self.names, strict=True)
        )
        return f"nullif('{{' || concat_ws(',', {', '.join(members)}) || '}}', '{{}}')"


def read(database: CsvDatabase, m: Mapping) -> None:
    """Make the table ``details`` of all hosts and definitions, once ``asset_codes`` and ``definitions`` are filled.

    If rows of one host have different texts, the greatest one is used, as for definitions.
    """
    details = Details(m, HOST)
    database.run("CREATE TABLE asset_details (number BIGINT, details VARCHAR, cuts INTEGER)")
    if details.names:
        raw = ", ".join(f"c{place}" for place in details.places)
        greatest = ", ".join(f"max({name}) AS {name}" for name in details.names)
        database.run(
            f"""
            INSERT INTO asset_details
            SELECT number, {details.as_json()}, {details.cuts()}
            FROM (SELECT number, {greatest}
                  FROM (SELECT code, {", ".join(details.texts())}
                        FROM (SELECT code, {m.cells_at(details.places)}
                              FROM (SELECT DISTINCT {m.code(HOST_FIELDS)} AS code, {raw} FROM {database.source()})))
                  JOIN asset_codes USING (code) GROUP BY number)
            """,
            keep_order=False,
        )
    database.run(f"""
        CREATE TABLE details AS
        SELECT number, level, details FROM (
            SELECT number, {ASSET_LEVEL} AS level, details FROM asset_details
            UNION ALL SELECT number, {DEFINITION_LEVEL}, details FROM definitions)
        WHERE details IS NOT NULL ORDER BY number, level
    """)


def of_definitions(m: Mapping) -> Details:
    """The details of the definitions, which are read with their texts."""
    return Details(m, VULNERABILITY)


def cut(database: CsvDatabase) -> int:
    """Count the texts that were cut."""
    (hosts,) = database.one("SELECT coalesce(sum(cuts), 0) FROM asset_details")
    (definitions,) = database.one("SELECT coalesce(sum(cut_details), 0) FROM definitions")
    return int(hosts + definitions)
