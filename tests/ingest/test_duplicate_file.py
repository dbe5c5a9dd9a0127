"""The same file once more: what comes of it is what reading it again would bring, without reading it."""

from __future__ import annotations

import hashlib
from datetime import date
from unittest.mock import Mock

import pytest

from hextrackr.domain import undo
from hextrackr.errors import Cancelled
from hextrackr.ingest import duplicate_file
from hextrackr.ingest.csv_reader import Reader
from tests.support import fixtures
from tests.support.exports import export, row, scan
from tests.support.staging import dump

#: What an import finds out and does.
COLUMNS = (
    "scanner", "vendor", "source_id", "mode", "scan_date", "rows_read", "blank", "merged", "rejected", "staged", "open_staged", "inserted",
    "updated", "reopened", "resolved", "unchanged", "place", "recognition", "upload", "state",
)  # fmt: skip
REJECTS = 'SELECT line, "column", value, reason FROM rejects WHERE import_id = {} ORDER BY id'
MIXED = export([
    row(host="h1", cve="CVE-2026-1"), row(host="h2", severity="none"), row(host="h3", state="FIXED"), row(host="h4", state="RESURFACED"),
    row(host="h1", plugin="7", port="x"), row(host="h5", plugin="8"), row(host="h5", plugin="8"),
])  # fmt: skip
PREAMBLE = (fixtures.FOLDER / "qualys-vm" / "report-with-preamble.csv").read_bytes()


@pytest.fixture
def bring(run_import, monkeypatch):
    """Import bytes as the server does, and return the row and whether the file was read."""
    read = []
    plain = Reader.read_rows
    monkeypatch.setattr(Reader, "read_rows", lambda reader: (read.append(reader), plain(reader))[1])

    def bring(content, **columns):
        read.clear()
        record = run_import(content, digest=hashlib.sha256(content).hexdigest(), **columns)
        return record, bool(read)

    return bring


def summary(record):
    return {name: value for name, value in record.summary.items() if name != "repeats"}


@pytest.mark.parametrize("content", [MIXED, PREAMBLE], ids=["mixed", "preamble"])
def test_a_repeat_is_what_reading_it_again_would_be(bring, run_import, engine, query, content):
    first, _ = bring(content, filename="2026-08-02.csv")
    before = dump(engine)
    again = run_import(content, filename="2026-08-02.csv")
    after, rejected = dump(engine), query(REJECTS.format(again.id))
    if again.place is not None:
        undo.undo_import(engine, again.id)
    assert dump(engine) == before

    repeat, was_read = bring(content, filename="2026-08-02.csv")

    assert was_read == (first.place is None)
    expected = {column: getattr(again, column) for column in COLUMNS} | (
        {"place": again.place + 1} if again.place else {}
    )
    assert {column: getattr(repeat, column) for column in COLUMNS} == expected
    assert (dump(engine), query(REJECTS.format(repeat.id))) == (after, rejected)
    assert summary(repeat) == summary(again)
    assert repeat.warnings[: len(again.warnings)] == again.warnings
    if not was_read:
        assert repeat.warnings[-1] == f"The file is the same as that of import {first.id}, so it was not read again."
        undo.undo_import(engine, repeat.id)
        assert dump(engine) == before


def test_a_repeat_of_a_repeat_names_the_import_that_read_the_file(bring):
    first, _ = bring(scan([1, 2]))
    for _ in range(2):
        repeat, was_read = bring(scan([1, 2]))
        assert (was_read, repeat.unchanged, repeat.summary["repeats"], len(repeat.warnings)) == (False, 2, first.id, 1)


@pytest.mark.parametrize(
    ("columns", "content"),
    [
        pytest.param({}, scan([1, 2, 3], title="Renamed"), id="other bytes"),
        pytest.param({"source_label": "other"}, None, id="another source"),
        pytest.param({"mode": "delta"}, None, id="another mode"),
        pytest.param({"scan_date": date(2026, 8, 9)}, None, id="another day"),
        pytest.param({"date_order": "day-first"}, None, id="another order of dates"),
        pytest.param({"preview": True}, None, id="a preview"),
    ],
)
def test_what_is_no_repeat_is_read(bring, columns, content):
    bring(scan([1, 2, 3]))
    assert bring(content or scan([1, 2, 3]), **columns)[1]


def test_a_file_is_read_again_once_another_program_may_read_it_otherwise(bring, monkeypatch):
    bring(scan([1, 2, 3]))
    monkeypatch.setattr(duplicate_file, "program", lambda: "mended")
    assert bring(scan([1, 2, 3]))[1]


def test_only_the_latest_import_of_a_source_is_repeated(bring, figures, engine):
    bring(scan([1, 2, 3]))
    second, _ = bring(scan([1, 2]))
    third, was_read = bring(scan([1, 2, 3]))
    assert (was_read, figures(third)) == (True, {"reopened": 1, "unchanged": 2})
    undo.undo_import(engine, third.id)
    repeat, was_read = bring(scan([1, 2]))
    assert (was_read, repeat.summary["repeats"], figures(repeat)) == (False, second.id, {"unchanged": 2})


@pytest.mark.parametrize("lost", ["DELETE FROM state_totals", "DELETE FROM rejects"])
def test_nothing_is_taken_over_from_an_import_whose_work_is_not_there_any_more(bring, engine, lost):
    bring(MIXED)
    with engine.begin() as connection:
        connection.exec_driver_sql(lost)
    assert bring(MIXED)[1]


def test_an_import_that_comes_in_between_is_noticed(bring, figures, monkeypatch):
    first, _ = bring(scan([1, 2, 3]))
    bring(scan([1, 2]))
    monkeypatch.setattr(duplicate_file, "earlier", lambda *_: first)  # as it was seen before the other one was promoted
    third, was_read = bring(scan([1, 2, 3]))
    assert (was_read, figures(third)) == (True, {"reopened": 1, "unchanged": 2})


def test_a_repeat_that_was_ended_meanwhile_changes_nothing(bring, engine, monkeypatch, query):
    bring(scan([1, 2, 3]))
    plain = duplicate_file.earlier

    def ended(*arguments):
        with engine.begin() as connection:
            connection.exec_driver_sql("UPDATE imports SET state = 'cancelled' WHERE id = 2")
        return plain(*arguments)

    monkeypatch.setattr(duplicate_file, "earlier", ended)
    with pytest.raises(Cancelled):
        bring(scan([1, 2, 3]))
    assert query("SELECT state, place, unchanged FROM imports WHERE id = 2") == [("cancelled", None, 0)]


def test_a_repeat_that_breaks_off_leaves_everything_as_it_was(bring, engine, monkeypatch, query):
    bring(MIXED)
    before = dump(engine)
    monkeypatch.setattr(duplicate_file.totals, "write", Mock(side_effect=OSError))
    with pytest.raises(OSError):
        bring(MIXED)
    monkeypatch.undo()
    assert dump(engine) == before
    assert query("SELECT state, place, unchanged FROM imports WHERE id = 2") == [("reading", None, 0)]
    assert query(REJECTS.format(2)) == []
