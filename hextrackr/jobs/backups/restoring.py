"""Check that a file is a backup that can be restored, by reading all of it, and copy its rows into an empty database, checking each value.

A backup may come from anywhere. Its schema is never used: none of its triggers, views, virtual tables, generated columns, indexes and
defaults is copied, and other tables are ignored. So a restored database has exactly the schema that the migrations make, and only values
that an import could have written.
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from hextrackr.db import revisions
from hextrackr.db.error_mapping import error_from_exception
from hextrackr.domain.fields import FINDING, HOST, VULNERABILITY, Kind, names
from hextrackr.domain.models import DateOrigin, EventKind, ImportMode, ImportState, Lifecycle
from hextrackr.errors import BackupRefused, DatabaseUnavailable, HexTrackrError

from . import copying
from .copying import Report

HEADER = b"SQLite format 3\0"
#: SQLite's steps between two reports.
_STEPS = 1_000_000
#: Bytes checked in a second, roughly: for the estimate of the progress.
_BYTES_PER_SECOND = 100e6


def check(path: Path, report: Report) -> str:
    """Check a file, and return the revision of its tables.

    :raises BackupRefused: it is not a backup of HexTrackr, is damaged, or comes from a version that cannot be restored.
    """
    if not begins_like_one(path):
        raise BackupRefused("This file is not a backup of HexTrackr.")
    with refusing(), closing(copying.connected(path, "ro", immutable=True)) as connection:
        connection.set_progress_handler(ticking(report, path.stat().st_size), _STEPS)
        revision = _revision(connection)
        size, pages = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_size", "page_count"))
        if size * pages != path.stat().st_size:
            raise BackupRefused("This backup is damaged: the file is incomplete.")
        for (verdict,) in connection.execute("PRAGMA integrity_check(1)"):
            if verdict != "ok":
                raise BackupRefused("This backup is damaged.")
    return revision


def begins_like_one(path: Path) -> bool:
    """Whether the first bytes are those of a SQLite database."""
    with path.open("rb") as stream:
        return stream.read(len(HEADER)) == HEADER


def refuse_unknown(revision: str) -> None:
    """Check that tables of a revision can be upgraded to this version.

    :raises BackupRefused: they cannot.
    """
    if revision in revisions.known():
        return
    if revisions.is_before_first(revision):
        raise BackupRefused("This backup is from a version of HexTrackr that is too old to upgrade.")
    raise BackupRefused("This backup is from a newer version of HexTrackr.")


@contextmanager
def refusing() -> Iterator[None]:
    """Treat errors of SQLite as damage of the file, unless there is no space, no memory, or the disk fails.

    :raises BackupRefused: the file is damaged.
    """
    try:
        yield
    except sqlite3.Error as error:
        if error_from_exception(error).code == HexTrackrError.code or _is_of_file(error):
            raise BackupRefused("This backup is damaged.") from error
        raise
    except (UnicodeDecodeError, OverflowError) as error:
        raise BackupRefused("This backup is damaged.") from error


def _is_of_file(error: sqlite3.Error) -> bool:
    if not isinstance(error_from_exception(error), DatabaseUnavailable):
        return False
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def ticking(report: Report, size: int) -> Callable[[], int]:
    """Make a progress handler for SQLite that reports the estimated progress of work on ``size`` bytes."""
    began = time.monotonic()

    def tick() -> int:
        expected = max(0.2, size / _BYTES_PER_SECOND)
        took = time.monotonic() - began
        report(took / (took + expected))  # approaches 1 and never reaches it
        return 0

    return tick


def _revision(connection: sqlite3.Connection) -> str:
    kinds = dict(connection.execute("SELECT name, type FROM sqlite_master WHERE type IN ('table', 'view')"))
    if kinds.get("alembic_version") != "table" or kinds.get("findings") != "table":
        raise BackupRefused("This file is a database, but not a backup of HexTrackr.")
    rows = connection.execute("SELECT version_num FROM alembic_version LIMIT 2").fetchall()
    if len(rows) != 1 or not isinstance(rows[0][0], str):
        raise BackupRefused("This file is a database, but not a backup of HexTrackr.")
    refuse_unknown(rows[0][0])
    return str(rows[0][0])


#: SQLite's steps between two reports.
_INTEGERS = {"INTEGER": 2**31, "SMALLINT": 2**15, "BIGINT": 2**63}
#: A limit for counts and scores, far above all real values.
_LARGEST = 1e15
#: The largest integer that every JSON client reads exactly; a limit for times and sizes in bytes.
_SAFE = 2**53
#: A generous limit for the nesting of JSON that we write.
_DEPTH = 20
_IDENTIFIERS = ("id", "name", "address")
#: Columns that hold one of a few words; below, for any table, the columns with a range.
_WORDS: dict[tuple[str, str], Iterable[str]] = {
    ("findings", "lifecycle"): Lifecycle,
    ("state_totals", "lifecycle"): Lifecycle,
    ("undo_findings", "lifecycle"): Lifecycle,
    ("finding_changes", "lifecycle_before"): Lifecycle,
    ("finding_changes", "kind"): EventKind,
    ("imports", "state"): ImportState,
    ("imports", "mode"): ImportMode,
    ("imports", "date_order"): ("day-first", "month-first"),
    ("imports", "scan_date_from"): DateOrigin,
    ("asset_identifiers", "kind"): _IDENTIFIERS,
    ("undo_identifiers", "kind"): _IDENTIFIERS,
}
_RANGES = {
    "level": (0, 1), "severity": (0, 4), "severity_before": (0, 4), "port": (0, 65535), "file_size": (0, _SAFE), "lease_until": (0, _SAFE),
    "created_at": (0, _SAFE), "started_at": (0, _SAFE), "finished_at": (0, _SAFE), "undone_at": (0, _SAFE),
    **{f"{name}{which}": (-1000, 1000) for name in names(HOST + VULNERABILITY + FINDING, Kind.SCORE) for which in ("", "_before")},
}  # fmt: skip
#: The type of a JSON column, list or object, and of its elements, if all have the same.
_JSON: dict[str, tuple[type, type]] = {
    "warnings": (list, str), "header": (list, str), "fields": (dict, object), "meanings": (dict, dict), "sample": (dict, list),
    "forecast": (dict, object), "recognition": (dict, object), "summary": (dict, object), "details": (dict, str),
}  # fmt: skip
#: Text columns that hold JSON as well.
_JSON_TEXTS = ("details",)
#: Tables that refer to a text of evidence without a foreign key.
_WITH_EVIDENCE = ("findings", "undo_evidence")
#: Tables that describe the database itself, and are not copied.
_OF_THE_DATABASE = ("alembic_version", "record_version", "record_changes")


def copy_rows(source: Path, target: Path, report: Report) -> None:
    """Copy the rows of a checked backup into an empty database whose tables are of the same revision.

    :raises BackupRefused: it lacks something, or its rows contradict each other.
    :raises sqlite3.Error: there is no space.
    """
    with refusing(), closing(copying.connected(target, "rw")) as connection:
        connection.set_progress_handler(ticking(report, source.stat().st_size), _STEPS)
        _attach(connection, source)
        # The copy is only read afterwards, and made again if this process dies.
        connection.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -65536")
        connection.execute("PRAGMA foreign_keys = OFF")
        with _without_indexes(connection):
            for table in _tables(connection):
                _insert(connection, table)
        connection.execute("DETACH backup")


def check_values(database: Path, report: Report) -> None:
    """Check that this version could have written every value of the database.

    :raises BackupRefused: there is one that it could not.
    """
    with refusing(), closing(copying.connected(database, "rw")) as connection:
        connection.set_progress_handler(ticking(report, database.stat().st_size), _STEPS)
        connection.create_function("is_text", 1, _is_text, deterministic=True)
        connection.create_function("is_json", 2, _is_json, deterministic=True)
        connection.create_function("digest_of", 1, _digest, deterministic=True)
        if connection.execute("PRAGMA foreign_key_check").fetchone() is not None or _lacks_evidence(connection):
            raise BackupRefused("This backup is damaged: some of its rows refer to rows that do not exist.")
        for table in _tables(connection):
            rules = [_rule(table, *column) for column in _columns(connection, table)]
            wrong = f"SELECT 1 FROM {_quoted(table)} WHERE NOT ({' AND '.join(rules)}) LIMIT 1"
            if connection.execute(wrong).fetchone() is not None:
                raise BackupRefused("This backup contains values that HexTrackr does not write.")
        copying.settle(connection)


def _lacks_evidence(connection: sqlite3.Connection) -> bool:
    """Whether a row refers to a text of evidence that does not exist."""
    refers = (
        f"SELECT 1 FROM {table} WHERE evidence_id IS NOT NULL AND evidence_id NOT IN (SELECT id FROM evidence)"
        for table in _WITH_EVIDENCE
    )
    return connection.execute(f"{' UNION ALL '.join(refers)} LIMIT 1").fetchone() is not None


def _attach(connection: sqlite3.Connection, source: Path) -> None:
    address = f"{source.resolve().as_uri()}?mode=ro&immutable=1"
    connection.execute("ATTACH ? AS backup", (address,))


def _insert(connection: sqlite3.Connection, table: str) -> None:
    columns = [name for name, *_ in _columns(connection, table)]
    found = connection.execute("SELECT type, sql FROM backup.sqlite_master WHERE name = ?", (table,)).fetchall()
    if [kind for kind, _ in found] != ["table"] or not re.match(r"CREATE\s+TABLE\s", str(found[0][1]), re.IGNORECASE):
        raise BackupRefused("This backup lacks a table that its version has.")
    # Hidden columns are those of virtual tables, and generated ones.
    plain = {
        name
        for name, hidden in connection.execute("SELECT name, hidden FROM pragma_table_xinfo(?, 'backup')", (table,))
        if not hidden
    }
    if not plain.issuperset(columns):
        raise BackupRefused("This backup lacks a column that its version has.")
    names = ", ".join(map(_quoted, columns))
    try:
        connection.execute(
            f"INSERT INTO main.{_quoted(table)} ({names}) SELECT {names} FROM backup.{_quoted(table)} NOT INDEXED"
        )
    except sqlite3.IntegrityError as error:
        raise BackupRefused("This backup is damaged: some of its rows contradict each other.") from error


@contextmanager
def _without_indexes(connection: sqlite3.Connection) -> Iterator[None]:
    """Drop the indexes except those of keys, and create them again when the tables are filled."""
    found = "SELECT name, sql FROM main.sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    indexes = connection.execute(found).fetchall()
    for name, _ in indexes:
        connection.execute(f"DROP INDEX main.{_quoted(name)}")
    yield
    for _, sql in indexes:
        connection.execute(sql)


def _tables(connection: sqlite3.Connection) -> list[str]:
    """The tables of the record."""
    names = connection.execute("SELECT name FROM main.sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
    others = (*_OF_THE_DATABASE, *copying.OF_THE_SERVER)
    return [name for (name,) in names if name not in others and not name.startswith((copying.STAGING, "sqlite_"))]


def _columns(connection: sqlite3.Connection, table: str) -> Iterator[tuple[str, str, bool, bool]]:
    """Yield name, declared type, whether it is nullable, and whether it is part of the primary key; without generated columns."""
    found = connection.execute("SELECT name, type, \"notnull\", pk FROM pragma_table_info(?, 'main')", (table,))
    for name, declared, required, key in found.fetchall():
        yield name, declared.upper(), not required, bool(key)


def _rule(table: str, name: str, declared: str, nullable: bool, is_key: bool) -> str:
    """The SQL condition that every value of a column must meet."""
    column, base = _quoted(name), declared.partition("(")[0]
    rule = _shape(table, name, column, base, declared)
    if is_key and base in _INTEGERS and (name == "id" or name.endswith("_id")):
        rule = f"{rule} AND {column} > 0"
    return f"({column} IS NULL OR ({rule}))" if nullable else f"({column} IS NOT NULL AND {rule})"


def _shape(table: str, name: str, column: str, base: str, declared: str) -> str:
    if words := _WORDS.get((table, name)):
        return f"{column} IN ({', '.join(repr(str(word)) for word in words)})"
    if name in _RANGES:
        low, high = _RANGES[name]
        return f"typeof({column}) IN ('integer', 'real') AND {column} BETWEEN {low} AND {high}"
    if (table, name) == ("evidence", "digest"):
        return f"typeof({column}) = 'integer' AND typeof(text) = 'text' AND {column} = digest_of(text)"
    if base in _INTEGERS:
        limit = _INTEGERS[base]
        return f"typeof({column}) = 'integer' AND {column} BETWEEN {-limit} AND {limit - 1}"
    if base == "BOOLEAN":
        return f"typeof({column}) = 'integer' AND {column} IN (0, 1)"
    if base in ("DOUBLE", "FLOAT", "REAL", "NUMERIC"):
        return f"typeof({column}) IN ('integer', 'real') AND {column} BETWEEN {-_LARGEST} AND {_LARGEST}"
    if base == "DATE":
        digits = "GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]'"
        there_is = f"date({column}, '+0 days') = {column} AND {column} >= '0001-01-01'"
        return f"typeof({column}) = 'text' AND {column} {digits} AND {there_is}"
    if base == "JSON" or name in _JSON_TEXTS:
        return f"typeof({column}) = 'text' AND is_json({column}, '{name}')"
    if base in ("VARCHAR", "TEXT", "CHAR"):
        # Texts of printable ASCII, which nearly all are, need no further check.
        plain = f"length({column}) = length(CAST({column} AS BLOB)) AND {column} NOT GLOB '*[^ -~]*'"
        readable = f"(({plain}) OR is_text({column}))"
        length = re.search(r"\((\d+)\)", declared)
        return f"typeof({column}) = 'text' AND {f'length({column}) <= {length[1]} AND ' if length else ''}{readable}"
    return f"typeof({column}) <> 'blob'"


def _is_text(_value: Any) -> bool:
    """Return True: texts that are not UTF-8 never get here, as SQLite's driver raises an error for them."""
    return True


def _digest(value: Any) -> int:
    """The digest of a text of evidence, as imports compute it, see ``ingest/evidence.py``."""
    if not isinstance(value, str):
        return -1
    return int.from_bytes(hashlib.md5(value.encode(), usedforsecurity=False).digest()[8:], "little") >> 1


def _is_json(value: str, column: str) -> bool:
    try:
        read = json.loads(value)
        json.dumps(read, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return False
    outer, inner = _JSON.get(column, (object, object))
    values = read.values() if isinstance(read, dict) else read if isinstance(read, list) else ()
    return isinstance(read, outer) and all(isinstance(each, inner) for each in values) and _is_flat(read, _DEPTH)


def _is_flat(value: Any, depth: int) -> bool:
    if not isinstance(value, (list, dict)):
        return True
    inner: Iterable[Any] = value.values() if isinstance(value, dict) else value
    return depth > 0 and all(_is_flat(each, depth - 1) for each in inner)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
