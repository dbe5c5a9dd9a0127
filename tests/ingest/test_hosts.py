"""What the first pass keeps of the hosts is what a pass of their own reads of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from hextrackr.ingest import csv_reader, damage, dialect, formats
from hextrackr.ingest.csv_database import CsvDatabase
from hextrackr.ingest.csv_reader import Reader
from tests.support import fixtures
from tests.support.exports import export, row
from tests.support.generator import Estate, write

#: The order in which observations are numbered does not matter.
TABLES = {
    "asset_texts": "*",
    "assets": "*",
    "findings": "* EXCLUDE observation_number",
    "definitions": "*",
    "faults": "*",
}


def read(path: Path, spill: Path) -> dict[str, list[tuple]]:
    """The tables that come of a file."""
    sample = path.read_bytes()
    found = dialect.detect(sample, complete=True, is_header=formats.is_header)
    recognised, copy = formats.recognise(found.header, ()), spill / "copy.csv"
    dialect.write_copy(path, copy, found, backslash_quotes=recognised.format.backslash_quotes)
    separated = damage.separate(copy, spill / "sound.csv", found, recognised)
    database = CsvDatabase(spill / "sound.csv", found, spill=spill, memory_limit="128MB")
    reading = Reader(database, recognised, dialect.rows(sample, found), separated=separated)
    try:
        reading.read_rows()
        reading.deduplicate()
        reading.read_definitions()
        assert not [name for name, *_ in database.all("DESCRIBE rows") if name[0] == "h"]
        return {table: database.all(f"SELECT {columns} FROM {table} ORDER BY ALL") for table, columns in TABLES.items()}
    finally:
        reading.close()


@pytest.fixture
def both(tmp_path, monkeypatch):
    """Assert that a file comes out the same whether its hosts are kept or read again, and return what does."""

    def compare(path):
        kept = read(path, tmp_path)
        monkeypatch.setattr(csv_reader, "STORES_HOSTS_BYTES", -1)
        assert read(path, tmp_path) == kept
        return kept

    return compare


@pytest.mark.system
@pytest.mark.parametrize("path", fixtures.CHOSEN, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_of_each_scanner(both, path):
    assert both(path)["findings"]


def test_of_many_rows(both, tmp_path):
    path = tmp_path / "scan.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        write(stream, Estate(5_000))
    kept = both(path)
    assert len(kept["findings"]) == 5_000
    assert 1 < len(kept["assets"]) < 5_000


def test_texts_that_differ_in_blanks_case_or_absence_are_told_apart(both, tmp_path):
    path = tmp_path / "scan.csv"
    hosts = ["web-1", " web-1", "WEB-1", "web-1\t", "", "web-2"]
    path.write_bytes(export([row(host=host, plugin=str(place)) for place, host in enumerate(hosts)]))
    kept = both(path)
    assert len(kept["asset_texts"]) == len(hosts)
    assert [asset[1] for asset in kept["assets"]] == ["10.0.0.1", "web-1", "web-2"]
