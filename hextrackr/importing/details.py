"""What else a file says of hosts and of vulnerabilities: a label and a text each, kept as one JSON object.

The first half reads them from the file, beside the definitions; the second brings them on record. What a file leaves out never erases
what an earlier one said, and a late scan only adds what nobody knows yet.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sqlalchemy import Connection, text

from hextrackr.models.dialects import merged_json

from . import bounds, markup
from .formats.format import HOST, VULNERABILITY
from .mapping import ASSET_FIELDS, Mapping, quoted
from .neutral import ASSET_LEVEL, DEFINITION_LEVEL

if TYPE_CHECKING:
    from .csvdatabase import CsvDatabase

#: A zero byte in JSON is nothing that PostgreSQL could compare.
_ZERO = "chr(0)"


class Details:
    """The details of one level in one file, as expressions over cleaned cells.

    :ivar names: what the columns are called that hold their texts, ``d0``, ``d1``, ...
    """

    def __init__(self, m: Mapping, level: str) -> None:
        self._m = m
        self._details = [detail for detail in m.details if detail.level == level]
        self.names = [f"d{index}" for index in range(len(self._details))]

    @property
    def places(self) -> list[int]:
        """The columns of the file in which they may stand."""
        return sorted({place for detail in self._details for place in detail.places})

    def texts(self) -> list[str]:
        """Select list, over cells: what each says."""
        cells = (", ".join(f"c{place}" for place in detail.places) for detail in self._details)
        found = [f"replace(coalesce({cell}), {_ZERO}, '')" for cell in cells]
        if self._m.has_markup:
            found = [f"CASE WHEN contains({cell}, '<') THEN {markup.plain(cell)} ELSE {cell} END" for cell in found]
        return [f"{cell} AS {name}" for cell, name in zip(found, self.names, strict=True)]

    def as_json(self) -> str:
        """An expression over ``names``: one object, or NULL; smaller ones where they are too long together."""
        if not self.names:
            return "CAST(NULL AS VARCHAR)"
        whole, smaller = self._object(bounds.VALUE), self._object((bounds.TEXT - 4_096) // len(self.names))
        return f"CASE WHEN length({whole}) > {bounds.TEXT} THEN {smaller} ELSE {whole} END"

    def cuts(self) -> str:
        """An expression over ``names``: how many of them are too long."""
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

    What rows say differently of one host: the greatest text counts, as of definitions.
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
                              FROM (SELECT DISTINCT {m.code(ASSET_FIELDS)} AS code, {raw} FROM {database.source()})))
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
    """How many of them were cut."""
    (hosts,) = database.one("SELECT coalesce(sum(cuts), 0) FROM asset_details")
    (definitions,) = database.one("SELECT coalesce(sum(cut_details), 0) FROM definitions")
    return int(hosts + definitions)


_SUBJECTS = ((ASSET_LEVEL, "assets", "asset_id"), (DEFINITION_LEVEL, "definitions", "definition_id"))
_STAGED = """
    staging_details d
    JOIN staging_{table} s ON s.import_id = d.import_id AND s.number = d.number
    JOIN {table} t ON t.id = s.{column}
"""
_OF_IMPORT = "d.import_id = :import_id AND d.level = {level}"
#: What is new needs none: it goes with its findings, of which it has none yet.
_KEEP = """
    INSERT INTO undo_details (import_id, subject_id, level, details)
    SELECT :import_id, t.id, {level}, t.details FROM {staged}
    WHERE {of_import} AND {differs} AND EXISTS (SELECT 1 FROM findings f WHERE f.{column} = t.id) ORDER BY t.id
"""
_WRITE = """
    UPDATE {table} AS t SET details = {merged}
    FROM staging_details d, staging_{table} s
    WHERE {of_import} AND s.import_id = d.import_id AND s.number = d.number AND s.{column} = t.id AND {differs}
"""
#: Puts back what was there before an import.
RESTORE = tuple(
    f"""
    UPDATE {table} SET details = u.details
    FROM undo_details u WHERE u.import_id = :import_id AND u.level = {level} AND u.subject_id = {table}.id
    """
    for level, table, _ in _SUBJECTS
)


def promote(connection: Connection, import_id: int, *, late: bool = False) -> None:
    """Add the staged details to those of their hosts and definitions, once these are linked."""
    for level, table, column in _SUBJECTS:
        old, new = ("d.details", "t.details") if late else ("t.details", "d.details")
        merged, differs = merged_json(connection, old, new, before="t.details", other="d.details")
        parts = {"level": level, "table": table, "column": column, "merged": merged, "differs": differs}
        parts |= {"staged": _STAGED.format(**parts), "of_import": _OF_IMPORT.format(**parts)}
        for step in (_KEEP, _WRITE):
            connection.execute(text(step.format(**parts)), {"import_id": import_id})
