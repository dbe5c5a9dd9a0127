"""Files of what a list shows: its columns, order, filters and groups, in every kind of file."""

from __future__ import annotations

import csv
import json
import zipfile
from xml.etree import ElementTree

import pytest
from sqlalchemy import text

from hextrackr.errors import RequestError
from hextrackr.queries import export as exporting
from hextrackr.readmodel import record as reading
from hextrackr.readmodel.copy import Copy, refresh, state_of
from tests.queries.filter_cases import FILTERS

SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def workbook(path):
    """The cells of the only sheet of a workbook, as text."""
    with zipfile.ZipFile(path) as archive:
        sheet = ElementTree.fromstring(archive.read("xl/worksheets/sheet1.xml"))
    return [["".join(cell.itertext()) for cell in row.iter(f"{SHEET}c")] for row in sheet.iter(f"{SHEET}row")]


READ = {
    "csv": lambda path: list(csv.reader(path.read_text(encoding="utf-8").splitlines())),
    "json": lambda path: [list(map(str, row.values())) for row in json.loads(path.read_text())],
    "jsonl": lambda path: [list(map(str, json.loads(line).values())) for line in path.read_text().splitlines()],
    "xlsx": workbook,
}


@pytest.fixture
def export(ask, tmp_path):
    """Write a file, and return its cells; without the header where the kind of file has one."""

    def written(kind, **query):
        path = tmp_path / f"findings.{kind}"
        rows = ask("export", query=query, kind=kind, path=str(path), id="1")["rows"]
        cells = READ[kind](path)[1 if kind in ("csv", "xlsx") else 0 :]
        assert len(cells) == rows
        return cells

    return written


@pytest.mark.parametrize("kind", READ)
def test_the_file_has_what_the_list_shows(record, ask, export, kind):
    """In its order, with its columns and filters, and all of it."""
    shown = ask("list_findings", "state=open", sort="title", order="asc", limit="500")["data"]
    cells = export(kind, state="open", sort="title", order="asc", columns="id,title,port")
    assert cells == [[str(row["id"]), row["title"], str(row["port"])] for row in shown]


@pytest.mark.parametrize(
    ("kind", "query"),
    [
        *((kind, {"sort": "title"}) for kind in READ),
        ("csv", {}),
        ("csv", {"by": "definition", "sort": "name"}),
        ("json", {"search": "nowhere"}),
        ("xlsx", {"search": "nowhere"}),
    ],
)
def test_a_file_of_many_pieces_is_the_same(record, export, kind, query, monkeypatch):
    whole = export(kind, **query)
    monkeypatch.setattr(exporting, "PIECE_BYTES", 1_000)
    monkeypatch.setattr(exporting, "PIECE_ROWS", 7)
    assert export(kind, **query) == whole


def test_all_pieces_of_a_file_are_of_one_version(record, config, engine, tmp_path):
    """Also if the copy is refreshed when some of them have begun."""
    copy, source = Copy(tmp_path, "192MB"), reading.record(config.database_url)
    refresh(copy, source)
    cursor = copy.connection.cursor()
    cursor.begin()
    before = state_of(cursor)
    with engine.begin() as connection:
        connection.execute(text("UPDATE record_version SET version = version + 1"))
    refresh(copy, source)
    with exporting._cursors(cursor, 3) as cursors:
        (state,) = {state_of(each) for each in cursors}
    assert state.version == before.version + 1
    copy.connection.close()


@pytest.mark.parametrize("kind", READ)
def test_groups_are_exported_as_they_are_shown(record, ask, export, kind):
    shown = ask("list_groups", "severity=high", by="family", sort="findings", limit="500")["data"]
    cells = export(kind, by="family", severity="high", sort="findings")
    assert [row[:2] for row in cells] == [[group["family"], str(group["findings"])] for group in shown]


def test_without_an_order_findings_come_as_they_came_on_record(record, export):
    assert [row[0] for row in export("csv", search="5")] == [
        str(row["id"]) for row in record if FILTERS["search=5"](row)
    ]


@pytest.fixture
def formulas(record, engine):
    """The record with titles that a spreadsheet would run, until the test is over."""

    def entitle(title):
        with engine.begin() as connection:
            connection.execute(text(f"UPDATE definitions SET title = {title}"))
            connection.execute(text("UPDATE record_version SET version = version + 1"))

    entitle("CASE id % 2 WHEN 0 THEN '=1+1' ELSE '\uff0b1' END")
    yield
    entitle("'Flaw ' || id || ' of 100%'")


@pytest.mark.parametrize("kind", READ)
def test_no_cell_is_a_formula(formulas, export, kind):
    """In JSON and in a workbook a text is a text."""
    titles = {row[0] for row in export(kind, columns="title")}
    assert titles == ({"'=1+1", "'\uff0b1"} if kind == "csv" else {"=1+1", "\uff0b1"})


def test_texts_are_exported_on_request(record, export):
    header = exporting.COLUMNS
    assert {"description", "solution", "daysOpen", "os"} <= header.keys()
    (first, *_) = export("csv", columns="host,os,description,solution,daysOpen,evidence")
    assert first[0] == "host-1"
    assert int(first[4]) >= 0


def test_a_sheet_that_would_be_too_long_is_refused(record, export, monkeypatch):
    monkeypatch.setattr(exporting, "SHEET_ROWS", 10)
    with pytest.raises(RequestError, match="A sheet of Excel holds 10 rows"):
        export("xlsx")
    assert export("csv", limit="5")


@pytest.mark.parametrize("query", [{"columns": "color"}, {"sort": "color"}, {"by": "color"}, {"severity": "worst"}])
def test_what_cannot_be_read_is_refused(record, export, query):
    with pytest.raises(RequestError):
        export("csv", **query)
