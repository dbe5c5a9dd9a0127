"""What holds for any sequence of scans, tried with random ones."""

from __future__ import annotations

import copy
import os
import shutil
import tempfile
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hextrackr.db import engines
from hextrackr.domain import undo
from hextrackr.domain.models import ImportMode, ImportState
from hextrackr.domain.verdicts import FIXED, NO_VERDICT, OPEN, PASSED, RESURFACED
from hextrackr.errors import Conflict
from tests.support.databases import ON_POSTGRESQL, as_sqlite_has_them
from tests.support.reference_model import Finding, PlainSource, Row
from tests.support.sql import LAST_SEEN
from tests.support.staging import dump, promote

KEYS = st.tuples(st.sampled_from(["web1", "web2", "db1"]), st.sampled_from(["1001", "1002"]), st.sampled_from([0, 443]))
ROWS = st.dictionaries(
    KEYS,
    st.builds(
        Row,
        severity=st.integers(0, 4),
        state=st.sampled_from([PASSED, FIXED, NO_VERDICT, OPEN, OPEN, OPEN, RESURFACED]),
        vpr=st.sampled_from([None, 1.5, 9.9]),
    ),
    max_size=8,
)
DAYS = st.integers(1, 9).map(lambda number: date(2026, 8, number))
SCANS = st.tuples(st.sampled_from("ab"), DAYS, st.sampled_from(list(ImportMode)), ROWS)
#: The same examples each time, so that a change is never blamed for what was there before; PROPERTY_EXAMPLES looks for others.
EXAMPLES = os.environ.get("PROPERTY_EXAMPLES")
FEW = settings(
    max_examples=int(EXAMPLES or 15),
    derandomize=EXAMPLES is None,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

FINDINGS = f"""
    SELECT s.label, a.key, d.key, f.port, f.severity, f.vpr, f.lifecycle, f.first_seen, {LAST_SEEN}, f.resolved_on
    FROM findings f JOIN sources s ON s.id = f.source_id JOIN assets a ON a.id = f.asset_id
    JOIN definitions d ON d.id = f.definition_id
"""


@pytest.fixture
def fresh(request, tmp_path):
    """A new database for each example."""
    if ON_POSTGRESQL:
        server, template = (request.getfixturevalue(name) for name in ("postgresql_server", "migrated_template"))
        made = []

        def make_on_postgresql():
            made.append(server.create(template))
            return engines.open_database(server.url(made[-1]))

        yield make_on_postgresql
        for name in made:
            server.drop(name)
        return
    migrated = request.getfixturevalue("migrated")

    def make():
        folder = Path(tempfile.mkdtemp(dir=tmp_path))
        shutil.copy(migrated / "hextrackr.sqlite3", folder)
        return engines.open_database(f"sqlite:///{folder / 'hextrackr.sqlite3'}")

    yield make


def recorded(engine):
    with engine.connect() as connection:
        rows = as_sqlite_has_them(connection.exec_driver_sql(FINDINGS))
    return {
        (label, (host, plugin, port)): Finding(severity, vpr, lifecycle, *map(_date, days))
        for label, host, plugin, port, severity, vpr, lifecycle, *days in rows
    }


def totals(engine, table, findings, vpr):
    """Findings and their VPR by source, state and severity: kept, or counted."""
    statement = (
        f"SELECT source_id, lifecycle, severity, sum({findings}), coalesce(sum({vpr}), 0) FROM {table} GROUP BY 1, 2, 3"
    )
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(statement)
        return {(*place,): (count, pytest.approx(float(summed))) for *place, count, summed in rows}


def totals_agree(engine):
    kept, counted = totals(engine, "state_totals", "findings", "vpr_sum"), totals(engine, "findings", "1", "vpr")
    assert {place: (count, vpr.expected) for place, (count, vpr) in kept.items()} == counted


def weights(engine, table, column):
    """What is kept of assets or definitions, and what is counted."""
    counts = ", ".join(f"count(*) FILTER (WHERE severity = {severity})" for severity in (4, 3, 2, 1, 0))
    counted = f"SELECT {column}, {counts}, coalesce(sum(vpr), 0) FROM findings WHERE lifecycle <> 'resolved' GROUP BY 1"
    with engine.connect() as connection:
        kept, found = (
            {row[0]: pytest.approx(tuple(row[1:]), abs=0.01) for row in connection.exec_driver_sql(statement)}
            for statement in (f"SELECT {column}, critical, high, medium, low, info, vpr_sum FROM {table}", counted)
        )
    return kept, {key: row.expected for key, row in found.items()}


def weights_agree(engine):
    for table, column in (("asset_weights", "asset_id"), ("definition_weights", "definition_id")):
        kept, counted = weights(engine, table, column)
        assert kept == counted


def _date(text):
    return date.fromisoformat(text) if text else None


def expected(model):
    return {(label, key): finding for label, source in model.items() for key, finding in source.findings.items()}


@FEW
@given(scans=st.lists(SCANS, max_size=6))
def test_the_record_is_what_the_plain_model_says_and_the_same_scan_again_changes_nothing(fresh, scans):
    """Each source has a model of its own: the scans of one never touch the other."""
    engine, model = fresh(), {"a": PlainSource(), "b": PlainSource()}
    for source, day, mode, rows in scans:
        _, state = promote(engine, source, day, mode, rows)
        assert state == ImportState.COMPLETED
        model[source].take(day, mode, rows)
        assert recorded(engine) == expected(model)
        totals_agree(engine)
        weights_agree(engine)
    if scans:
        before = dump(engine)
        import_id, _ = promote(engine, *scans[-1])
        assert dump(engine) == before
        with engine.connect() as connection:
            figures = f"SELECT inserted, updated, reopened, resolved FROM imports WHERE id = {import_id}"
            assert tuple(connection.exec_driver_sql(figures).one()) == (0, 0, 0, 0)
    engine.dispose()


@FEW
@given(steps=st.lists(st.one_of(SCANS, st.sampled_from("ab")), max_size=9))
def test_undo_restores_everything(fresh, steps):
    """A step is a scan, or the name of a source whose latest import is undone, if it is among the last three, undone ones included."""
    engine = fresh()
    model = {"a": PlainSource(), "b": PlainSource()}
    stacks: dict[str, list] = {"a": [], "b": []}
    places = {"a": 0, "b": 0}
    for step in steps:
        if isinstance(step, tuple):
            source, day, mode, rows = step
            before = (dump(engine), copy.deepcopy(model[source]))
            import_id, _ = promote(engine, *step)
            model[source].take(day, mode, rows)
            if rows:
                places[source] += 1
                stacks[source].append((places[source], import_id, *before))
        elif stacks[step] and stacks[step][-1][0] <= places[step] - undo.DEPTH:
            with pytest.raises(Conflict):
                undo.undo_import(engine, stacks[step][-1][1])
        elif stacks[step]:
            _, import_id, tables, source_before = stacks[step].pop()
            undo.undo_import(engine, import_id)
            model[step] = source_before
            if not any(stacks[other] and stacks[other][-1][1] > import_id for other in "ab"):
                assert _of_source(dump(engine), step) == _of_source(tables, step)
        assert recorded(engine) == expected(model)
        weights_agree(engine)
    engine.dispose()


def _of_source(tables, label):
    """Every row of one source; its ids are its own."""
    (source_id,) = [row[0] for row in tables["sources"] if row[2] == label] or [None]
    assets = {row[0] for row in tables["assets"] if row[1] == source_id}
    definitions = {row[0] for row in tables["definitions"] if row[1] == source_id}
    findings = [row for row in tables["findings"] if row[2] in assets or row[1] == source_id]
    ids = {row[0] for row in findings}
    return {
        "assets": [row for row in tables["assets"] if row[0] in assets],
        "definitions": [row for row in tables["definitions"] if row[0] in definitions],
        "cves": [row for row in tables["definition_cves"] if row[0] in definitions],
        "findings": findings,
        "events": [row for row in tables["finding_changes"] if row[1] in ids],
        "sightings": [row for row in tables["sightings"] if row[1] == source_id],
        "totals": [row for row in tables["daily_totals"] if row[0] == source_id],
    }
