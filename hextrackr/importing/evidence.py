"""What the scanner saw of each finding, such as the output of its plugin: kept as texts, each once, however many findings share it.

The first half reads them from the file. The first pass over it takes a code for the cells that hold a row's evidence; once rows are
merged into findings, the texts that these have are read in a pass beside that over the definitions. The second half brings them on
record: when an import is staged the texts that are new there, and when it is promoted for each finding the latest one. The digests of
texts that nothing refers to yet are staged, and keep the sweep from removing them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, text

from hextrackr.models.dialects import (
    for_writing,
    get_to_know,
    keep_texts,
    key,
    mark,
    may_remove_texts,
    not_among,
)

from . import bounds, markup
from .formats.format import FINDING
from .mapping import Mapping, quoted
from .staged import IS_KEPT, OF_OUTCOMES, OUTCOMES

if TYPE_CHECKING:
    from .csvdatabase import CsvDatabase

#: What parts the texts of rows that are one finding, and what its details begin with.
_PARTED = "E'\\n\\n'"
_KEY = "asset_number, definition_number, port, protocol"


def code(m: Mapping) -> str:
    """An expression over a row's cells as they are in the file: stands for its evidence; NULL if it has none."""
    places = _places(m)
    if not places:
        return "CAST(NULL AS UBIGINT)"
    empty = " AND ".join(f"coalesce(c{place}, '') = ''" for place in places)
    return f"CASE WHEN {empty} THEN NULL ELSE hash({', '.join(f'c{place}' for place in places)}) END"


def number(database: CsvDatabase, rows: str) -> None:
    """Make the table ``evidence_numbers``, once rows are ``merged``: with the least and the greatest code of each finding's rows.

    A finding whose rows have several gets a code that stands for all of them, whatever the order of the rows.

    :param rows: the rows (``r``) with the numbers of their asset (``a``) and definition (``n``), for FROM.
    """
    database.run("CREATE TABLE evidence_parts (code UBIGINT, part UBIGINT)")
    if database.one("SELECT EXISTS (FROM merged WHERE evidence_code <> other_code)")[0]:
        database.run(f"""
            CREATE TABLE mixed AS
            SELECT {_KEY}, list_sort(list(DISTINCT evidence_code)) AS parts
            FROM (SELECT a.number AS asset_number, n.number AS definition_number, port, protocol, r.evidence_code FROM {rows})
            SEMI JOIN (SELECT {_KEY} FROM merged WHERE evidence_code <> other_code) USING ({_KEY}) GROUP BY {_KEY}
        """)
        same = " AND ".join(f"merged.{name} = mixed.{name}" for name in _KEY.split(", "))
        database.run(f"UPDATE merged SET evidence_code = hash(parts) FROM mixed WHERE {same}")
        database.run("INSERT INTO evidence_parts SELECT DISTINCT hash(parts), unnest(parts) FROM mixed")
        database.run("DROP TABLE mixed")
    database.run("""
        CREATE TABLE evidence_numbers AS
        SELECT row_number() OVER () AS number, code, used FROM (
            SELECT code, bool_or(used) AS used FROM (
                SELECT DISTINCT evidence_code AS code, TRUE AS used FROM merged WHERE evidence_code IS NOT NULL
                UNION ALL SELECT DISTINCT part, FALSE FROM evidence_parts)
            GROUP BY code ORDER BY code)
    """)


def read(database: CsvDatabase, m: Mapping) -> None:
    """Make the tables ``evidence``, with the digests of the texts that findings have, and ``texts``, with each text once, by its digest.

    Equal texts, which were written a little differently, have several numbers and one digest.
    """
    if not database.one("SELECT EXISTS (FROM evidence_numbers)")[0]:
        database.run("CREATE TABLE evidence (number BIGINT, digest BIGINT, cut BOOLEAN)")
        database.run("CREATE TABLE texts (number BIGINT, digest BIGINT, text VARCHAR)")
        return
    places, limit = _places(m), bounds.TEXT
    cells = ", ".join(
        f"CASE WHEN strlen(c{place}) > {limit} THEN left(c{place}, {limit + 1}) ELSE c{place} END AS c{place}"
        for place in places
    )
    # A table of its own: DuckDB expects few rows of a file, and would build a hash table of all of its texts to join them.
    database.run(
        f"""
        CREATE TABLE evidence_cells AS
        SELECT DISTINCT code, {cells}
        FROM (SELECT {code(m)} AS code, {", ".join(f"c{place}" for place in places)} FROM {database.source()}) WHERE code IS NOT NULL
        """,
        keep_order=False,
    )
    has_parts = database.one("SELECT EXISTS (FROM evidence_parts)")[0]
    database.run(f"""
        CREATE {"TABLE" if has_parts else "VIEW"} evidence_texts AS
        SELECT number, used, CASE WHEN contains(text, E'\\r') THEN replace(text, E'\\r\\n', E'\\n') ELSE text END AS text
        FROM (SELECT number, used, {_text(m)} AS text
              FROM (SELECT number, used, {m.cells_at(places)} FROM evidence_cells JOIN evidence_numbers USING (code)))
        WHERE text <> ''
    """)
    if has_parts:
        _join(database)
    database.run(
        f"""
        CREATE TABLE digested AS
        SELECT number, CAST(md5_number_lower(text) >> 1 AS BIGINT) AS digest, text, cut
        FROM (SELECT number, {bounds.bounded("text", limit)} AS text, {bounds.longer("text", limit)} AS cut
              FROM evidence_texts WHERE used)
        """,
        keep_order=False,
    )
    database.run(f"DROP {'TABLE' if has_parts else 'VIEW'} evidence_texts; DROP TABLE evidence_cells")
    # Two texts of one code are as good as impossible; if it happens, one of them is enough.
    database.run("""
        CREATE TABLE evidence AS
        SELECT number, min(digest) AS digest, bool_or(cut) AS cut FROM digested GROUP BY number ORDER BY number
    """)
    many, different = database.one("SELECT count(*), count(DISTINCT digest) FROM digested")
    first = "WHERE number IN (SELECT min(number) FROM digested GROUP BY digest)" if many != different else ""
    database.run(f"""
        CREATE TABLE texts AS
        SELECT row_number() OVER () AS number, digest, text FROM (SELECT digest, text FROM digested {first} ORDER BY digest);
        DROP TABLE digested
    """)


def cut(database: CsvDatabase) -> int:
    """How many texts were cut."""
    return int(database.one("SELECT count(*) FROM evidence WHERE cut")[0])


def _join(database: CsvDatabase) -> None:
    """Add the texts of findings whose rows have several, which stand in their order; no more than are kept."""
    database.run(f"""
        INSERT INTO evidence_texts
        SELECT number, TRUE, string_agg(text, {_PARTED} ORDER BY text)
        FROM (SELECT number, text, coalesce(sum(length(text)) OVER (
                  PARTITION BY number ORDER BY text ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before
              FROM (SELECT DISTINCT whole.number, t.text
                    FROM evidence_parts p JOIN evidence_numbers whole ON whole.code = p.code
                    JOIN evidence_numbers part ON part.code = p.part JOIN evidence_texts t ON t.number = part.number))
        WHERE before <= {bounds.TEXT} GROUP BY number
    """)


def _places(m: Mapping) -> list[int]:
    found = {place for detail in m.details if detail.level == FINDING for place in detail.places}
    return sorted(found | set(m.places(["evidence"])))


def _text(m: Mapping) -> str:
    """An expression over cleaned cells: the evidence, and what else the row says of its finding."""
    cells = [f"c{place}" for place in m.places(["evidence"])]
    if m.has_markup:
        cells = [f"CASE WHEN contains({cell}, '<') THEN {markup.plain(cell)} ELSE {cell} END" for cell in cells]
    lines = []
    for detail in m.details:
        if detail.level == FINDING:
            said = f"coalesce({', '.join(f'c{place}' for place in detail.places)})"
            lines.append(f"{quoted(detail.label + ': ')} || {bounds.bounded(said, bounds.VALUE)}")
    details = f"nullif(concat_ws(E'\\n', {', '.join(('NULL', *lines))}), '')"
    return f"concat_ws({_PARTED}, {', '.join((*cells, details))})"


_IDS = "CREATE TEMPORARY TABLE evidence_ids (number INTEGER {key}, evidence_id INTEGER)"
#: Texts that the file has, on their way to those on record.
READ_TEXTS = "read_texts"
_READ_TABLE = f"CREATE TEMPORARY TABLE {READ_TEXTS} (import_id INTEGER, digest BIGINT, text TEXT)"
_ADD = f"""
    INSERT INTO evidence (digest, text)
    SELECT r.digest, r.text FROM {READ_TEXTS} r WHERE NOT EXISTS (SELECT 1 FROM evidence e WHERE e.digest = r.digest)
"""
_IDENTIFY = """
    INSERT INTO evidence_ids
    SELECT s.number, min(e.id) FROM staging_evidence s JOIN evidence e ON e.digest = s.digest
    WHERE s.import_id = :import_id GROUP BY s.number
"""
#: A test that found nothing, or gave no verdict, says nothing of what was found before.
_CHANGES = f"""
    CREATE TEMPORARY TABLE evidence_changes AS
    SELECT f.id AS finding_id, v.evidence_id
    FROM {OUTCOMES} CROSS JOIN evidence_ids v CROSS JOIN findings f
    WHERE {OF_OUTCOMES} AND {IS_KEPT} AND v.number = s.evidence_number AND f.id = m.finding_id AND {{differs}}
"""
_KEEP = """
    INSERT INTO undo_evidence (import_id, finding_id, evidence_id)
    SELECT :import_id, f.id, f.evidence_id FROM evidence_changes c CROSS JOIN findings f WHERE f.id = c.finding_id ORDER BY f.id
"""
_WRITE = "UPDATE findings SET evidence_id = c.evidence_id FROM evidence_changes c WHERE c.finding_id = findings.id"
#: SQL, to be joined with staged findings (``s``): their texts on record (``v``), once :func:`identify` has found them.
LINKED = "LEFT JOIN evidence_ids v ON v.number = s.evidence_number"
#: Puts back what was there before an import.
RESTORE = """
    UPDATE findings SET evidence_id = u.evidence_id
    FROM undo_evidence u WHERE u.import_id = :import_id AND u.finding_id = findings.id
"""


def staged(engine: Engine, import_id: int) -> int:
    """How many texts of an import are staged: their numbers go up to that."""
    with engine.connect() as connection:
        greatest = "SELECT coalesce(max(number), 0) FROM staging_evidence WHERE import_id = :import_id"
        return int(connection.execute(text(greatest), {"import_id": import_id}).scalar_one())


@contextmanager
def adding(connection: Connection) -> Iterator[None]:
    """Put those texts on record, at the end, that were put into the table :data:`READ_TEXTS` and are not there yet.

    Their digests are staged before, so that :func:`forget` removes no text that is found here.
    """
    keep_texts(connection)
    _drop(connection, READ_TEXTS)
    connection.execute(text(_READ_TABLE))
    yield
    connection.execute(text(_ADD))
    _drop(connection, READ_TEXTS)


def identify(connection: Connection, import_id: int) -> None:
    """Fill ``evidence_ids`` with the ids of the texts whose digests are staged."""
    _drop(connection, "evidence_ids")
    connection.execute(text(_IDS.format(key=key(connection))))
    connection.execute(text(_IDENTIFY), {"import_id": import_id})
    get_to_know(connection, "evidence_ids")


def link(connection: Connection, import_id: int, *, late: bool = False) -> None:
    """Give the findings that are known their latest evidence; a late scan has none that is newer."""
    if not connection.execute(text("SELECT EXISTS (SELECT 1 FROM evidence_ids)")).scalar_one():
        return
    parameters = {"import_id": import_id}
    differs = "f.evidence_id IS NULL" if late else "(f.evidence_id IS NULL OR f.evidence_id <> v.evidence_id)"
    _drop(connection, "evidence_changes")
    for step in (_CHANGES.format(differs=differs), _KEEP, _WRITE):
        connection.execute(text(step), parameters)
    _drop(connection, "evidence_changes")


def _drop(connection: Connection, table: str) -> None:
    connection.execute(text(f"DROP TABLE IF EXISTS {table}"))


#: Texts that are looked at in one transaction.
_BATCH = 20_000
#: What refers to texts, and by which column of theirs; an import that has not ended by the digests it has staged.
_REFERRING = (
    ("id", "findings", "evidence_id"),
    ("id", "undo_evidence", "evidence_id"),
    ("digest", "staging_evidence", "digest"),
)


def forget(engine: Engine) -> None:
    """Remove the texts that no finding refers to, none would after an undo, and no import has staged."""
    with engine.execution_options(begin="DEFERRED").connect() as connection:
        unused = (not_among(connection, f"e.{own}", table, other) for own, table, other in _REFERRING)
        orphans = list(connection.scalars(text(f"SELECT e.id FROM evidence e WHERE {' AND '.join(unused)}")))
    for place in range(0, len(orphans), _BATCH):
        with for_writing(engine).begin() as connection:
            if not may_remove_texts(connection):
                return  # an import may have found one of them; the next sweep comes soon
            _remove(connection, orphans[place : place + _BATCH])


def _remove(connection: Connection, some: list[int]) -> None:
    """Remove these texts, except those that something refers to by now."""
    _drop(connection, "orphans")
    connection.execute(text("CREATE TEMPORARY TABLE orphans (id INTEGER PRIMARY KEY, digest BIGINT)"))
    for place in range(0, len(some), 500):
        numbers = tuple(some[place : place + 500])
        marks = ", ".join([mark(connection)] * len(numbers))
        connection.exec_driver_sql(
            f"INSERT INTO orphans SELECT id, digest FROM evidence WHERE id IN ({marks})", numbers
        )
    for own, table, other in _REFERRING:
        connection.execute(
            text(f"""
            DELETE FROM orphans WHERE {own} IN (SELECT {other} FROM {table} WHERE {other} IN (SELECT {own} FROM orphans))
            """)
        )
    connection.execute(text("DELETE FROM evidence WHERE id IN (SELECT id FROM orphans)"))
    _drop(connection, "orphans")
