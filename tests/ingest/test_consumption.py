"""How far a file is read, as the system counts it; DuckDB's own figure where it does not."""

from __future__ import annotations

import pytest

from hextrackr.ingest import csv_database, dialect, formats
from hextrackr.ingest.csv_database import BUFFER_BYTES, THREADS, CsvDatabase
from tests.support.generator import Estate, write

#: What is read and not yet parsed, at most.
HELD = (THREADS + 1) * BUFFER_BYTES


@pytest.fixture
def database(tmp_path):
    """An export of twice as much as is held, as a table."""
    path = tmp_path / "scan.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        write(stream, Estate(2 * HELD // 850))
    with path.open("rb") as stream:
        found = dialect.detect(stream.read(dialect.SAMPLE_BYTES), complete=False, is_header=formats.is_header)
    database = CsvDatabase(path, found, spill=tmp_path, memory_limit="128MB")
    yield database
    database.close()


def test_what_is_read_is_counted(tmp_path):
    before = csv_database.read_bytes()
    (tmp_path / "file").write_bytes(b"x" * 100_000)
    assert (tmp_path / "file").read_bytes()
    assert 100_000 <= csv_database.read_bytes() - before < 110_000


def test_a_statement_is_as_far_as_the_file_is_read_but_for_what_the_threads_hold(database):
    database.run(f"CREATE TABLE hosts AS SELECT DISTINCT c0 FROM {database.source()}")
    size = database.path.stat().st_size
    # DuckDB may read a piece again that it has let go of.
    assert (size - HELD) / size - 0.05 < database.progress() <= 1.0


def test_each_statement_begins_anew_and_is_nowhere_before_more_is_read_than_the_threads_hold(database):
    for statement in (
        f"CREATE TABLE hosts AS SELECT DISTINCT c0 FROM {database.source()}",
        "CREATE TABLE one AS SELECT 1",
    ):
        database.run(statement)
    assert database.progress() == 0.0


def test_where_the_system_does_not_tell_it_is_asked_of_duckdb(tmp_path, monkeypatch, database):
    monkeypatch.setattr(csv_database, "_READ_COUNTS", tmp_path / "io")
    assert csv_database.read_bytes() is None
    for counts in ("nothing that it knows\n", "rchar: many\nwchar: 1\n"):
        (tmp_path / "io").write_text(counts)
        assert csv_database.read_bytes() is None
    database.run(f"CREATE OR REPLACE TABLE hosts AS SELECT DISTINCT c0 FROM {database.source()}")
    assert 0.0 <= database.progress() <= 1.0
