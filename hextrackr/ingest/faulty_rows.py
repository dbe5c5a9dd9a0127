"""Separates the rows that hold no finding, once the table ``rows`` is filled: faulty ones and blank ones.

Few files have any, so only then the file is read again, in its order: a row is known by its ordinal, which leads to its line.
"""

from __future__ import annotations

from .csv_database import CsvDatabase
from .mapping import ASSET_FIELDS, BLANK, BLANKS, FAULTS, NAMELESS, ROW_FIELDS, Mapping

#: How much of a faulty value is kept, in characters.
VALUE_LENGTH = 500

_NAMELESS_HOSTS = f"SELECT code FROM asset_texts WHERE {NAMELESS}"
_INCOMPLETE = f"severity IS NULL OR port IS NULL OR definition_key IS NULL OR asset_code IN ({_NAMELESS_HOSTS})"


def separate(database: CsvDatabase, mapping: Mapping) -> None:
    """Take these rows out of ``rows``; ``faults`` holds their ``ordinal`` (from 0), ``fault``, ``value`` and whether they are ``suspect``.

    ``fault`` is an index into :data:`.mapping.FAULTS`, or :data:`.mapping.BLANK`. The other columns say of which finding such a row is,
    as far as it can be read.
    """
    database.run("""
        CREATE TABLE faults (ordinal BIGINT, fault INTEGER, value VARCHAR, suspect BOOLEAN,
                             asset_code UBIGINT, definition_key VARCHAR, port INTEGER, protocol VARCHAR)
    """)
    if not database.one(f"SELECT EXISTS (FROM rows WHERE {_INCOMPLETE})")[0]:
        return
    _find(database, mapping)
    _mark_blank(database)
    (suspect,) = database.one(f"SELECT bool_or(suspect) IS TRUE FROM rows WHERE {_INCOMPLETE}")
    database.run(f"UPDATE faults SET suspect = {suspect}")
    database.run(f"DELETE FROM rows WHERE {_INCOMPLETE}")


def blank(database: CsvDatabase) -> int:
    """How many rows are blank."""
    return int(database.one(f"SELECT count(*) FROM faults WHERE fault = {BLANK}")[0])


def suspect(database: CsvDatabase) -> bool:
    """Whether one of these rows may have swallowed others."""
    return bool(database.one("SELECT bool_or(suspect) IS TRUE FROM faults")[0])


def _find(database: CsvDatabase, mapping: Mapping) -> None:
    faults = " ".join(f"WHEN {fault.condition} THEN {number}" for number, fault in enumerate(FAULTS))
    values = " ".join(f"WHEN {fault.condition} THEN left({fault.value}, {VALUE_LENGTH})" for fault in FAULTS)
    said = ", ".join(f"{expression} AS {name}" for name, expression in {**mapping.asset(), **mapping.finding()}.items())
    database.run(f"""
        INSERT INTO faults
        SELECT ordinal, CASE WHEN {mapping.blank()} THEN {BLANK} {faults} END AS fault, CASE {values} END, FALSE,
               asset_code, definition_key, port, protocol
        FROM (SELECT ordinal, asset_code, {said}
              FROM (SELECT row_number() OVER () - 1 AS ordinal, {mapping.code(ASSET_FIELDS)} AS asset_code,
                           {mapping.cells((*ASSET_FIELDS, *ROW_FIELDS))}
                    FROM {database.source()}))
        WHERE fault IS NOT NULL
    """)


def _mark_blank(database: CsvDatabase) -> None:
    """Of the rows that name no host, find those without any text."""
    if not database.one("SELECT count(*) FROM faults WHERE fault = 0")[0]:
        return
    cells = ", ".join(f"c{index}" for index in range(len(database.dialect.header)))
    database.run(f"""
        UPDATE faults SET fault = {BLANK}
        FROM (SELECT row_number() OVER () - 1 AS ordinal, trim(concat({cells}), {BLANKS}) = '' AS blank
              FROM {database.source()}) texts
        WHERE texts.ordinal = faults.ordinal AND texts.blank AND fault = 0
    """)
