"""The database as the importer process opens it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from sqlalchemy import Engine, create_engine

from . import dialects
from .base import prepare_engine

#: How much of the database is kept in memory while DuckDB reads beside it, and once it has ended: promotion reads and writes four
#: indexes at once, and what does not fit is written and read again.
CACHE_MB, PROMOTION_CACHE_MB = 32, 192
#: How long a lock is waited for.
PATIENCE_MS = 30_000


@contextmanager
def opened(
    url: str, patience_ms: int = PATIENCE_MS, *, cache_mb: int = CACHE_MB, check_references: bool = True
) -> Iterator[Engine]:
    """What :func:`open_database` opens, closed afterwards."""
    engine = _kept(url, patience_ms, cache_mb, check_references)
    try:
        yield engine
    finally:
        engine.dispose()


@lru_cache(maxsize=8)
def _kept(url: str, patience_ms: int, cache_mb: int, check_references: bool) -> Engine:
    """The same for one use after the other: it opens its connections anew, and still knows its statements."""
    return open_database(url, patience_ms, cache_mb=cache_mb, check_references=check_references)


def open_database(
    url: str, patience_ms: int = PATIENCE_MS, *, cache_mb: int = CACHE_MB, check_references: bool = True
) -> Engine:
    """An engine as the importer process uses it: SQLite waits for locks in C, as this process has nothing else to do.

    :param patience_ms: how long.
    :param check_references: an import need not: what it inserts is joined with what it refers to.
    """
    return prepare_engine(
        create_engine(url, **dialects.engine_options(url)),
        busy_timeout_ms=patience_ms,
        cache_mb=cache_mb,
        begin="IMMEDIATE",
        check_references=check_references,
    )
