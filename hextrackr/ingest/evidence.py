"""Read what a file has beside the fields: the evidence of findings, and the details of hosts and vulnerabilities.

Evidence, such as the output of a plugin, is texts, each read once, however many findings share it. The first pass over the file computes a
code of the cells with a row's evidence. Once the rows are merged into findings, the texts of the findings are read, in a pass beside that
over the definitions.

Details are further columns of a file, each a label and a text, as one JSON object. They are read in the same pass as the definitions.
``domain/evidence.py`` saves both.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hextrackr.domain.evidence import Sampled
from hextrackr.domain.fields import TEXT
from hextrackr.domain.models import ASSET_LEVEL, DEFINITION_LEVEL

from . import cell_sql
from .formats.format import FINDING, HOST, HOST_FIELDS, VULNERABILITY
from .mapping import Mapping, quoted

if TYPE_CHECKING:
    from .csv_database import CsvDatabase

#: The separator between the texts of several rows of one finding, and before its details.
_SEPARATOR = "E'\\n\\n'"
#: The number of findings in a sample.
_SAMPLED = 200
_KEY = "asset_number, definition_number, port, protocol"
#: SQL: a text whose lines end as they are stored, and its digest.
_LINES = "CASE WHEN contains(text, E'\\r') THEN replace(text, E'\\r\\n', E'\\n') ELSE text END"
_DIGEST = "CAST(md5_number_lower(text) >> 1 AS BIGINT)"


def code(m: Mapping) -> str:
    """An expression over a row's raw cells: the hash code of its evidence, NULL if it has none."""
    places = _places(m)
    if not places:
        return "CAST(NULL AS UBIGINT)"
    empty = " AND ".join(f"coalesce(c{place}, '') = ''" for place in places)
    return f"CASE WHEN {empty} THEN NULL ELSE hash({', '.join(f'c{place}' for place in places)}) END"


def number(database: CsvDatabase, rows: str) -> None:
    """Make the table ``evidence_numbers`` from ``merged``, which has the least and the greatest code of each finding's rows.

    A finding whose rows have different codes gets a combined code, which does not depend on the order of the rows.

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


def read_evidence(database: CsvDatabase, m: Mapping) -> None:
    """Make the tables ``evidence``, with the digests of the findings' texts, and ``texts``, with each text once, sorted by digest.

    Texts that only differ in how they are written have different numbers and the same digest.
    """
    if not database.one("SELECT EXISTS (FROM evidence_numbers)")[0]:
        database.run("CREATE TABLE evidence (number BIGINT, digest BIGINT, cut BOOLEAN)")
        database.run("CREATE TABLE texts (number BIGINT, digest BIGINT, text VARCHAR)")
        return
    places, limit = _places(m), TEXT
    cells = ", ".join(
        f"CASE WHEN strlen(c{place}) > {limit} THEN left(c{place}, {limit + 1}) ELSE c{place} END AS c{place}"
        for place in places
    )
    # A table of its own: DuckDB underestimates the rows of a file, and would build a hash table of all texts to join them.
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
        SELECT number, used, {_LINES} AS text
        FROM (SELECT number, used, {_text(m)} AS text
              FROM (SELECT number, used, {m.cells_at(places)} FROM evidence_cells JOIN evidence_numbers USING (code)))
        WHERE text <> ''
    """)
    if has_parts:
        _join(database)
    database.run(
        f"""
        CREATE TABLE digested AS
        SELECT number, {_DIGEST} AS digest, text, cut
        FROM (SELECT number, {cell_sql.bounded("text", limit)} AS text, {cell_sql.longer("text", limit)} AS cut
              FROM evidence_texts WHERE used)
        """,
        keep_order=False,
    )
    database.run(f"DROP {'TABLE' if has_parts else 'VIEW'} evidence_texts; DROP TABLE evidence_cells")
    # Two texts with one code are practically impossible; if it happens, one of them is used.
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


def sample(database: CsvDatabase, m: Mapping, rows: Sequence[Sequence[str]]) -> list[Sampled]:
    """Some findings whose evidence is that of one of these rows, once the rows of the file are merged."""
    places = _places(m)
    if not places or not rows:
        return []
    names = [f"c{place}" for place in places]
    cells = [tuple((row[place] if place < len(row) else "") or None for place in places) for row in rows]
    database.fill("evidence_sample", names, cells)
    found = database.all(f"""
        SELECT a.key, d.key, f.port, o.protocol, t.digest
        FROM (SELECT DISTINCT code, {_DIGEST} AS digest
              FROM (SELECT code, {cell_sql.bounded("text", TEXT)} AS text
                    FROM (SELECT code, {_LINES} AS text
                          FROM (SELECT code, {_text(m)} AS text
                                FROM (SELECT {code(m)} AS code, {m.cells_at(places)} FROM evidence_sample))))
              WHERE text <> '') t
        JOIN evidence_numbers e ON e.code = t.code JOIN findings f ON f.evidence_number = e.number
        JOIN observations o ON o.number = f.observation_number
        JOIN asset_numbers a ON a.number = f.asset_number JOIN definition_numbers d ON d.number = f.definition_number
        ORDER BY hash(f.number) LIMIT {_SAMPLED}
    """)
    database.run("DROP TABLE evidence_sample")
    return [Sampled(*row) for row in found]


def cut_evidence(database: CsvDatabase) -> int:
    """Count the texts that were cut."""
    return int(database.one("SELECT count(*) FROM evidence WHERE cut")[0])


def _join(database: CsvDatabase) -> None:
    """Add the combined texts of findings whose rows have several, in sorted order, up to the maximum length."""
    database.run(f"""
        INSERT INTO evidence_texts
        SELECT number, TRUE, string_agg(text, {_SEPARATOR} ORDER BY text)
        FROM (SELECT number, text, coalesce(sum(length(text)) OVER (
                  PARTITION BY number ORDER BY text ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before
              FROM (SELECT DISTINCT whole.number, t.text
                    FROM evidence_parts p JOIN evidence_numbers whole ON whole.code = p.code
                    JOIN evidence_numbers part ON part.code = p.part JOIN evidence_texts t ON t.number = part.number))
        WHERE before <= {TEXT} GROUP BY number
    """)


def _places(m: Mapping) -> list[int]:
    found = {place for detail in m.details if detail.level == FINDING for place in detail.places}
    return sorted(found | set(m.places(["evidence"])))


def _text(m: Mapping) -> str:
    """An expression over cleaned cells: the evidence of a finding, followed by its details."""
    cells = [f"c{place}" for place in m.places(["evidence"])]
    if m.has_markup:
        cells = [f"CASE WHEN contains({cell}, '<') THEN {cell_sql.plain(cell)} ELSE {cell} END" for cell in cells]
    lines = []
    for detail in m.details:
        if detail.level == FINDING:
            value = f"coalesce({', '.join(f'c{place}' for place in detail.places)})"
            lines.append(f"{quoted(detail.label + ': ')} || {cell_sql.bounded(value, cell_sql.MAX_VALUE)}")
    details = f"nullif(concat_ws(E'\\n', {', '.join(('NULL', *lines))}), '')"
    return f"concat_ws({_SEPARATOR}, {', '.join((*cells, details))})"


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
            found = [f"CASE WHEN contains({cell}, '<') THEN {cell_sql.plain(cell)} ELSE {cell} END" for cell in found]
        return [f"{cell} AS {name}" for cell, name in zip(found, self.names, strict=True)]

    def as_json(self) -> str:
        """An expression over ``names``: one object, or NULL; each text is cut further if they are too long together."""
        if not self.names:
            return "CAST(NULL AS VARCHAR)"
        full, shortened = self._object(cell_sql.MAX_VALUE), self._object((TEXT - 4_096) // len(self.names))
        return f"CASE WHEN length({full}) > {TEXT} THEN {shortened} ELSE {full} END"

    def cuts(self) -> str:
        """An expression over ``names``: the number of texts that are too long."""
        return cell_sql.cuts(dict.fromkeys(self.names, cell_sql.MAX_VALUE))

    def _object(self, limit: int) -> str:
        limit = min(limit, cell_sql.MAX_VALUE)
        members = (
            f"{quoted(json.dumps(detail.label, ensure_ascii=False) + ':')} || CAST(to_json({cell_sql.bounded(name, limit)}) AS VARCHAR)"
            for detail, name in zip(self._details, self.names, strict=True)
        )
        return f"nullif('{{' || concat_ws(',', {', '.join(members)}) || '}}', '{{}}')"


def read_details(database: CsvDatabase, m: Mapping) -> None:
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


def details_of_definitions(m: Mapping) -> Details:
    """The details of the definitions, which are read with their texts."""
    return Details(m, VULNERABILITY)


def cut_details(database: CsvDatabase) -> int:
    """Count the texts that were cut."""
    (hosts,) = database.one("SELECT coalesce(sum(cuts), 0) FROM asset_details")
    (definitions,) = database.one("SELECT coalesce(sum(cut_details), 0) FROM definitions")
    return int(hosts + definitions)
