"""The comparison that the tests of kills rely on: it sees past ids, and every row that is not alike."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from tests.support import contents, databases
from tests.support.exports import scan
from tests.support.importer import importer


@pytest.fixture
def instance(config, engine, tmp_path, monkeypatch):
    """A data folder whose database has three imports, one of which failed and one of which saw some of the findings of the first again."""
    monkeypatch.setattr(databases, "url", lambda instance: config.database_url)
    bring = importer(engine, config.database_url, tmp_path)
    bring(scan([1, 2, 3]))
    bring(scan([1, 2], last_seen="2026-08-08T00:00:00Z"), mode="delta")
    with pytest.raises(Exception, match="This file"):
        bring(b"name,price,quantity\n1,2,3\n")
    return config.INSTANCE_PATH


def test_ids_instants_and_failed_imports_do_not_matter(instance, engine, tmp_path):
    contents.save(instance, tmp_path / "kept")
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM imports WHERE state <> 'completed'"))
        connection.execute(text("UPDATE imports SET attempts = 3, finished_at = 5"))
        connection.execute(text("UPDATE findings SET id = id + 61"))
        connection.execute(text("UPDATE undo_findings SET finding_id = finding_id + 61"))
    assert contents.differences(instance, tmp_path / "kept") == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("UPDATE findings SET vpr = 0.5 WHERE id = 1", ["found: findings", "missing: findings"]),
        ("UPDATE undo_findings SET finding_id = 2", ["found: undo_findings", "missing: undo_findings"]),
        ("UPDATE undo_days SET day = '2026-08-02' WHERE day IS NOT NULL", ["found: undo_days", "missing: undo_days"]),
        ("DELETE FROM asset_weights WHERE asset_id = 1", ["missing: asset_weights"]),
        ("UPDATE imports SET inserted = 7 WHERE place = 1", ["found: imports", "missing: imports"]),
        ("INSERT INTO rejects (import_id, line, \"column\", value, reason) VALUES (1, 2, 'a', 'b', 'c')", ["found: rejects"]),
    ],
)  # fmt: skip
def test_every_row_that_is_not_alike_is_told(instance, engine, tmp_path, change, told):
    contents.save(instance, tmp_path / "kept")
    with engine.begin() as connection:
        connection.execute(text(change))
    found = contents.differences(instance, tmp_path / "kept")
    assert [line.split(" {")[0] for line in found] == told
