"""The list of imports: what it can be limited to, and which of them can be deleted."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from hextrackr.domain.models import Import, ImportState, Reject, Source, StagedCve
from hextrackr.ingest import staging
from hextrackr.jobs import files


@pytest.fixture
def add(engine, config):
    """Put an import on record, with its file."""

    def run(filename, state, **columns):
        upload = files.upload_name("csv")
        (config.INSTANCE_PATH / "uploads" / upload).write_text("x")
        values = {"source_label": "", "upload": upload, **columns}
        with Session(engine) as session, session.begin():
            row = Import(session_id=filename * 2, filename=filename, file_size=1, state=state, created_at=1, **values)
            session.add(row)
            session.flush()
            return row.id

    return run


@pytest.fixture
def listed(client):
    def run(**query):
        answer = client.get("/api/imports", query_string=query)
        assert answer.status_code == 200, answer.json
        assert answer.json["pagination"]["total"] == len(answer.json["data"])
        return [each["filename"] for each in answer.json["data"]]

    return run


def test_the_list_is_limited_by_state_source_and_text(add, listed, engine, client):
    with Session(engine) as session, session.begin():
        session.add(Source(scanner="nessus-pro", label="Berlin"))
        session.flush()
        number = session.query(Source.id).scalar()
    add("weekly_1.csv", ImportState.COMPLETED, source_id=number, source_label="Berlin")
    add("weekly_2.csv", ImportState.COMPLETED, rejected=3)
    add("undone.csv", ImportState.COMPLETED, undone_at=5)
    add("broken.csv", ImportState.FAILED, started_by="olga")
    add("stopped.csv", ImportState.CANCELLED)
    add("asks.csv", ImportState.AWAITING_CONFIRMATION, forecast={"resolved": 0, "openBefore": 0})
    add("runs.csv", ImportState.READING)
    assert listed(state="completed") == ["weekly_1.csv"]
    assert listed(state="completed-with-rejects") == ["weekly_2.csv"]
    assert listed(state="undone") == ["undone.csv"]
    assert listed(state="failed") == ["broken.csv"]
    assert listed(state="cancelled") == ["stopped.csv"]
    assert listed(state="awaiting-confirmation") == ["asks.csv"]
    assert listed(state="running") == ["runs.csv"]
    assert listed(source=number) == ["weekly_1.csv"]
    assert listed(search="WEEKLY_ .csv") == ["weekly_2.csv", "weekly_1.csv"]
    assert listed(search="berlin") == ["weekly_1.csv"]
    assert listed(search="olga") == ["broken.csv"]
    assert listed(search="%") == []
    assert listed(state="completed", search="undone") == []
    for wrong in ({"state": "reading"}, {"source": "Berlin"}, {"search": "x" * 201}):
        assert client.get("/api/imports", query_string=wrong).status_code == 400


@pytest.mark.parametrize("state", [ImportState.FAILED, ImportState.CANCELLED])
def test_an_import_that_changed_nothing_is_deleted_with_all_of_it(add, client, engine, config, query, state):
    number, other = add("gone.csv", state), add("stays.csv", state)
    with Session(engine) as session, session.begin():
        session.add(Reject(import_id=number, line=1, column="a", value="b", reason="c"))
        session.add(StagedCve(import_id=number, number=1, cve="CVE-2024-1"))
    assert client.delete(f"/api/imports/{number}").status_code == 204
    assert query("SELECT id FROM imports") == [(other,)]
    assert query("SELECT count(*) FROM rejects") == [(0,)]
    assert query("SELECT upload FROM imports") == [
        (path.name,) for path in (config.INSTANCE_PATH / "uploads").iterdir()
    ]
    assert client.delete(f"/api/imports/{number}").status_code == 404
    staging.clean_up(engine)
    assert query("SELECT count(*) FROM staging_cves") == [(0,)]


def test_an_import_that_changed_the_record_or_may_do_so_stays(add, client, query):
    for state in set(ImportState) - {ImportState.FAILED, ImportState.CANCELLED}:
        number = add(f"{state}.csv", state)
        answer = client.delete(f"/api/imports/{number}")
        assert (answer.status_code, answer.json["error"]["code"]) == (409, "NOT_DELETABLE")
        assert query("SELECT count(*) FROM imports WHERE id = ?", number) == [(1,)]
