"""No space left: while uploading, spilling, staging and promoting."""

from __future__ import annotations

import pytest

from tests.support.exports import export, row, scan
from tests.support.generator import Estate, write

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def long_scan(tmp_path_factory):
    path = tmp_path_factory.mktemp("long") / "scan.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        write(stream, Estate(30_000))
    return path.read_bytes()


def fill(folder):
    """Leave no byte free; the file to remove afterwards."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as stream:
        for size in (1 << 20, 4096, 1):
            try:
                while stream.write(bytes(size)) == size:
                    pass
            except OSError:
                continue
    return filler


def test_while_uploading(start_app, config, small_disk, query):
    small_disk(config.INSTANCE_PATH / "uploads", "1m")
    app = start_app()
    before = query("SELECT count(*) FROM imports")
    answer = app.post(b"x" * 3_000_000)
    assert (answer.status_code, answer.json["error"]["code"]) == (507, "DISK_FULL")
    assert list((app.instance / "uploads").iterdir()) == []
    assert query("SELECT count(*) FROM imports") == before
    assert app.ended(app.upload(scan([1, 2, 3])))["inserted"] == 1


@pytest.mark.sqlite("it is in the data folder; tests/faults/test_postgresql.py fills the other's disk")
@pytest.mark.parametrize("state", ["staging", "promoting"])
def test_in_the_database(start_app, config, small_disk, long_scan, state):
    small_disk(config.INSTANCE_PATH, "150m")
    app = start_app()
    before = app.findings()
    import_id = app.upload(long_scan)
    app.reached(import_id, state)
    filler = fill(app.instance)
    told = app.told_the_end(app.record(import_id)["sessionId"])
    assert told["error"]["code"] == "DISK_FULL"
    filler.unlink()  # where not even the end of the import could be written, it is now
    app.assert_failed(import_id, "DISK_FULL", before)
    app.assert_recovers(import_id)


def test_while_a_copy_is_written_to_be_read(start_app, config, small_disk):
    small_disk(config.INSTANCE_PATH / "spill", "1m")
    app = start_app()
    before = app.findings()
    content = export([row(host=f"h{n}", description="é" * 500) for n in range(3_000)]).decode().encode("cp1252")
    import_id = app.upload(content)
    app.assert_failed(import_id, "DISK_FULL", before)
    assert app.ended(app.upload(scan([1]), source="another"))["inserted"] == 1


def test_while_spilling(start_app, config, small_disk):
    small_disk(config.INSTANCE_PATH / "spill", "1m")
    app = start_app(DUCKDB_MEMORY_LIMIT="96MB")
    before = app.findings()
    rows = (row(host=f"h{n}", plugin=str(n), description=f"{n} " + "x" * 2000) for n in range(40_000))
    import_id = app.upload(export(rows))
    app.assert_failed(import_id, "DISK_FULL", before)
    assert app.ended(app.upload(scan([1]), source="another"))["inserted"] == 1
