"""Save what a file has beside the fields: the evidence of findings, and the details of hosts and vulnerabilities.

Evidence is texts, each stored once, however many findings share it. New texts are saved when an import is staged, and the findings refer to
them when it is promoted. Until then their staged digests protect them from the clean-up.

Details are further columns of a file, each a label and a text, stored as one JSON object. A detail that a file leaves out never erases an
earlier one, and a backdated scan only adds missing ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, Engine, text

from hextrackr.db.dialects import analyse, for_writing, keep_texts, key, mark, may_remove_texts, merged_json, not_among

from .models import ASSET_LEVEL, DEFINITION_LEVEL
from .staged import IS_KEPT, MATCHED, OF_MATCHED
from .staged import LINKED as LINKED_FINDINGS

#: The temporary table for the texts of a file.
READ_TEXTS = "read_texts"
#: Number of staged findings from which the number of evidence changes is estimated.
SAMPLE = 500
#: SQL: a finding on record (``f``) whose evidence differs from that of the scan (``v``).
_HAS_OTHER = "(f.evidence_id IS NULL OR f.evidence_id <> v.evidence_id)"
#: SQL: joins staged findings (``s``) with their texts on record (``v``), which :func:`identify` has found.
LINKED = "LEFT JOIN evidence_ids v ON v.number = s.evidence_number"


def staged(engine: Engine, import_id: int) -> int:
    """The number of staged texts of an import, which is also the greatest number of one."""
    with engine.connect() as connection:
        greatest = "SELECT coalesce(max(number), 0) FROM staging_evidence WHERE import_id = :import_id"
        return int(connection.execute(text(greatest), {"import_id": import_id}).scalar_one())


@dataclass(frozen=True)
class Sampled:
    """A finding of a file, by the keys of its host and its definition, and the digest of its evidence."""

    asset_key: str
    definition_key: str
    port: int
    protocol: str
    digest: int


def share_changed(engine: Engine, source_id: int, sample: Iterable[Sampled]) -> float | None:
    """The share of these findings, 0..1, that have other evidence on record; None if none of them is on record with evidence."""
    on_record = text("""
        SELECT e.digest
        FROM assets a CROSS JOIN definitions d
        JOIN findings f ON f.asset_id = a.id AND f.definition_id = d.id AND f.port = :port AND f.protocol = :protocol
        JOIN evidence e ON e.id = f.evidence_id
        WHERE a.source_id = :source_id AND a.key = :asset_key AND d.source_id = :source_id AND d.key = :definition_key
    """)
    with engine.connect() as connection:
        changed = [
            digest != finding.digest
            for finding in sample
            for (digest,) in connection.execute(on_record, {"source_id": source_id, **asdict(finding)})
        ]
    return sum(changed) / len(changed) if changed else None


@contextmanager
def adding(connection: Connection) -> Iterator[None]:
    """Save the texts that are inserted into the table :data:`READ_TEXTS` inside the block, unless they exist.

    Their digests must be staged before, so that :func:`forget` does not remove a text that exists now.
    """
    keep_texts(connection)
    _drop(connection, READ_TEXTS)
    connection.execute(text(f"CREATE TEMPORARY TABLE {READ_TEXTS} (import_id INTEGER, digest BIGINT, text TEXT)"))
    yield
    connection.execute(
        text(f"""
        INSERT INTO evidence (digest, text)
        SELECT r.digest, r.text FROM {READ_TEXTS} r WHERE NOT EXISTS (SELECT 1 FROM evidence e WHERE e.digest = r.digest)
        """)
    )
    _drop(connection, READ_TEXTS)


def identify(connection: Connection, import_id: int) -> None:
    """Fill ``evidence_ids`` with the ids of the texts whose digests are staged."""
    _drop(connection, "evidence_ids")
    connection.execute(
        text(f"CREATE TEMPORARY TABLE evidence_ids (number INTEGER {key(connection)}, evidence_id INTEGER)")
    )
    connection.execute(
        text("""
        INSERT INTO evidence_ids
        SELECT s.number, min(e.id) FROM staging_evidence s JOIN evidence e ON e.digest = s.digest
        WHERE s.import_id = :import_id GROUP BY s.number
        """),
        {"import_id": import_id},
    )
    analyse(connection, "evidence_ids")


def sample_changes(connection: Connection, import_id: int, staged: int) -> int:
    """Estimate from a sample how many findings will get other evidence, once hosts, definitions and texts are linked.

    :param staged: the number of staged findings.
    """
    step = max(1, staged // SAMPLE)
    numbers = ", ".join(map(str, range(1, staged + 1, step)))
    changed = connection.execute(
        text(f"""
        SELECT count(*)
        FROM {LINKED_FINDINGS}
        JOIN findings f ON f.asset_id = a.asset_id AND f.definition_id = d.definition_id AND f.port = s.port AND f.protocol = o.protocol
        JOIN evidence_ids v ON v.number = s.evidence_number
        WHERE s.import_id = :import_id AND s.number IN ({numbers}) AND {_HAS_OTHER}
        """),
        {"import_id": import_id},
    ).scalar_one()
    return int(changed) * step


def link(
    connection: Connection, import_id: int, *, backdated: bool = False, found: Callable[[int], None] = lambda _: None
) -> None:
    """Assign the evidence of the scan to the findings on record; that of a backdated scan only to findings without evidence.

    A check that found nothing, or gave no verdict, does not change the evidence.

    :param found: called with the number of findings that change, before they are written.
    """
    if not connection.execute(text("SELECT EXISTS (SELECT 1 FROM evidence_ids)")).scalar_one():
        return
    _drop(connection, "evidence_changes")
    differs = "f.evidence_id IS NULL" if backdated else _HAS_OTHER
    connection.execute(
        text(f"""
        CREATE TEMPORARY TABLE evidence_changes AS
        SELECT f.id AS finding_id, v.evidence_id
        FROM {MATCHED} CROSS JOIN evidence_ids v CROSS JOIN findings f
        WHERE {OF_MATCHED} AND {IS_KEPT} AND v.number = s.evidence_number AND f.id = m.finding_id AND {differs}
        """),
        {"import_id": import_id},
    )
    found(connection.execute(text("SELECT count(*) FROM evidence_changes")).scalar_one())
    for step in (
        """
        INSERT INTO undo_evidence (import_id, finding_id, evidence_id)
        SELECT :import_id, f.id, f.evidence_id FROM evidence_changes c CROSS JOIN findings f WHERE f.id = c.finding_id ORDER BY f.id
        """,
        "UPDATE findings SET evidence_id = c.evidence_id FROM evidence_changes c WHERE c.finding_id = findings.id",
    ):
        connection.execute(text(step), {"import_id": import_id})
    _drop(connection, "evidence_changes")


def restore(connection: Connection, import_id: int) -> None:
    """Restore the evidence of findings as it was before an import, to undo it."""
    connection.execute(
        text("""
        UPDATE findings SET evidence_id = u.evidence_id
        FROM undo_evidence u WHERE u.import_id = :import_id AND u.finding_id = findings.id
        """),
        {"import_id": import_id},
    )


def _drop(connection: Connection, table: str) -> None:
    connection.execute(text(f"DROP TABLE IF EXISTS {table}"))


#: Texts that are removed in one transaction.
_BATCH = 20_000
#: The references to texts: the column of the text, and the table and column that refer to it. Unfinished imports refer by staged digests.
_REFERRING = (
    ("id", "findings", "evidence_id"),
    ("id", "undo_evidence", "evidence_id"),
    ("digest", "staging_evidence", "digest"),
)


def forget(engine: Engine) -> None:
    """Remove the texts to which no finding refers, no finding would refer after an undo, and that no import has staged."""
    with engine.execution_options(begin="DEFERRED").connect() as connection:
        unused = (not_among(connection, f"e.{own}", table, other) for own, table, other in _REFERRING)
        orphans = list(connection.scalars(text(f"SELECT e.id FROM evidence e WHERE {' AND '.join(unused)}")))
    for place in range(0, len(orphans), _BATCH):
        with for_writing(engine).begin() as connection:
            if not may_remove_texts(connection):
                return  # an import may have found one of them; the next clean-up comes soon
            _remove(connection, orphans[place : place + _BATCH])


def _remove(connection: Connection, some: list[int]) -> None:
    """Remove these texts, except those that are referred to by now."""
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


#: Each level with its table.
_SUBJECTS = ((ASSET_LEVEL, "assets"), (DEFINITION_LEVEL, "definitions"))


def promote_details(connection: Connection, import_id: int, *, backdated: bool = False) -> None:
    """Merge the staged details into those of their hosts and definitions, once these are linked."""
    for level, table in _SUBJECTS:
        column = f"{table[:-1]}_id"
        old, new = ("d.details", "t.details") if backdated else ("t.details", "d.details")
        merged, differs = merged_json(connection, old, new, before="t.details", other="d.details")
        for step in (
            # A new row without findings yet needs no undo log: an undo deletes it with its findings.
            f"""
            INSERT INTO undo_details (import_id, subject_id, level, details)
            SELECT :import_id, t.id, :level, t.details
            FROM staging_details d
            JOIN staging_{table} s ON s.import_id = d.import_id AND s.number = d.number
            JOIN {table} t ON t.id = s.{column}
            WHERE d.import_id = :import_id AND d.level = :level AND {differs}
              AND EXISTS (SELECT 1 FROM findings f WHERE f.{column} = t.id)
            ORDER BY t.id
            """,
            f"""
            UPDATE {table} AS t SET details = {merged}
            FROM staging_details d, staging_{table} s
            WHERE d.import_id = :import_id AND d.level = :level AND s.import_id = d.import_id AND s.number = d.number
              AND s.{column} = t.id AND {differs}
            """,
        ):
            connection.execute(text(step), {"import_id": import_id, "level": level})


def restore_details(connection: Connection, import_id: int) -> None:
    """Restore the details as they were before an import, to undo it."""
    for level, table in _SUBJECTS:
        connection.execute(
            text(f"""
            UPDATE {table} SET details = u.details
            FROM undo_details u WHERE u.import_id = :import_id AND u.level = :level AND u.subject_id = {table}.id
            """),
            {"import_id": import_id, "level": level},
        )
