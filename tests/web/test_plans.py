"""How PostgreSQL finds what the pages ask for, with a hundred thousand findings on record: by an index, not by reading all of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from sqlalchemy import event

from config import TestingConfig
from hextrackr import create_app
from hextrackr.domain.models import Import
from hextrackr.extensions import db
from hextrackr.web import listing
from tests.support import databases

pytestmark = pytest.mark.system

FINDINGS = 100_000
#: The columns of weights, from critical to info.
COUNTED = ", ".join(f"count(*) FILTER (WHERE severity = {severity})" for severity in (4, 3, 2, 1, 0)) + ", sum(vpr)"
#: Two sources, whose hosts have 40 findings each; one in ten is resolved.
FILLED = f"""
INSERT INTO sources (id, scanner, label) VALUES (1, 's', 'odd'), (2, 's', 'even');
INSERT INTO assets (id, source_id, key, name, fqdn, ip)
  SELECT n, n % 2 + 1, 'k' || n, 'host-' || n, 'host-' || n || '.example.org', '10.0.' || n / 250 || '.' || n % 250
  FROM generate_series(1, {FINDINGS // 40}) n;
INSERT INTO definitions (id, source_id, key, title, family, epss)
  SELECT n, n % 2 + 1, 1000 + n, 'Flaw ' || n || ' of ' || md5(n::text), 'family ' || n % 30, n % 100 / 100.0
  FROM generate_series(1, 1000) n;
INSERT INTO definition_cves (definition_id, cve) SELECT n, 'CVE-2026-' || n % 700 FROM generate_series(1, 1000) n;
INSERT INTO sightings (id, source_id, day)
  SELECT id * 9 + n, id, DATE '2026-08-01' + n FROM sources, generate_series(0, 8) n;
INSERT INTO findings (
  source_id, asset_id, definition_id, port, protocol, severity, vpr, cvss, first_seen, sighting_id, lifecycle, opened_by)
  SELECT a.source_id, a.id, 2 + (a.id * 7 + j * 13) % 499 * 2 - a.id % 2, (j * 37 + a.id) % 60, 'tcp', (a.id + j) % 5,
         CASE WHEN j % 7 > 0 THEN (a.id * 3 + j * 5) % 100 / 10.0 END, CASE WHEN j % 5 > 0 THEN (a.id * 7 + j) % 100 / 10.0 END,
         DATE '2026-01-01' + (a.id + j) % 200, a.source_id * 9 + (a.id + j) % 9,
         CASE WHEN (a.id + j) % 10 = 0 THEN 'resolved' WHEN j = 3 THEN 'reopened' ELSE 'active' END,
         CASE WHEN a.id <= 2450 THEN 1 ELSE 2 END
  FROM assets a, generate_series(0, 39) j ORDER BY a.id, j;
INSERT INTO finding_changes (import_id, finding_id, kind, day, severity)
  SELECT 2, id, 'changed', '2026-08-08', 1 FROM findings WHERE id % 900 = 0;
INSERT INTO state_totals SELECT source_id, lifecycle, severity, count(*), sum(vpr) FROM findings GROUP BY 1, 2, 3;
INSERT INTO asset_weights SELECT asset_id, {COUNTED} FROM findings WHERE lifecycle <> 'resolved' GROUP BY 1;
INSERT INTO definition_weights SELECT definition_id, {COUNTED} FROM findings WHERE lifecycle <> 'resolved' GROUP BY 1;
INSERT INTO daily_totals SELECT f.source_id, day, severity, count(*), sum(vpr), 0, 0, 0
  FROM findings f JOIN sightings s ON s.id = sighting_id GROUP BY 1, 2, 3;
"""
LIST, GROUPS = "/api/vulnerabilities?", "/api/vulnerabilities/groups?"
ASKED = [
    "/", "/vulnerabilities", "/imports", "/imports/2", "/hosts/124", "/definitions/12", "/cves/CVE-2026-12",
    "/api/sources", "/api/trends", "/api/imports", "/api/imports/2", "/api/vulnerabilities/stats", "/api/vulnerabilities/77",
    "/api/hosts/124", "/api/definitions/12", "/api/cves/CVE-2026-12", "/metrics", "/ready",
    *(f"{LIST}{state}&sort={sort}&order={order}&page={page}" for state in ("state=open", "state=resolved", "")
      for sort in ("severity", "vpr", "cvss", "firstSeen") for order in ("asc", "desc") for page in (1, 60)),
    *(f"{LIST}{limit}" for limit in (
        "severity=critical&sort=cvss", "source=2&state=open&sort=cvss", "host=host-123", "host=host-123&sort=lastSeen", "asset=124",
        "definition=12", "cve=CVE-2026-12", "search=host-123", "search=10.0.1.2", "search=CVE-2026-12", "search=nothing+there", "port=59",
        "changedBy=2&sort=firstSeen", "changedBy=2&change=changed", "openedBy=2",
    )),
    *(f"{GROUPS}by={by}&{limit}" for by in ("host", "definition", "cve")
      for limit in ("state=open", "host=host-123", "definition=12", "severity=critical&port=59", "changedBy=2&change=changed")),
]  # fmt: skip


@pytest.fixture(scope="module")
def app(postgresql_server, migrated_template, tmp_path_factory) -> Iterator[Any]:
    name = postgresql_server.create(migrated_template)
    folder = tmp_path_factory.mktemp("plans")
    app = create_app(TestingConfig(INSTANCE_PATH=folder, DATABASE_URL=postgresql_server.url(name)))
    with app.app_context():
        with db.engine.begin() as connection:
            imported = {
                "session_id": "s",
                "filename": "f",
                "file_size": 1,
                "created_at": 1,
                "scan_date": date(2026, 8, 8),
            }
            spans = {1: (1, 98_000), 2: (98_001, FINDINGS)}
            rows = [{"id": n, "first_finding": first, "last_finding": last} for n, (first, last) in spans.items()]
            connection.execute(Import.__table__.insert(), [imported | row for row in rows])
        for statement in (FILLED, "SET default_statistics_target = 1000; ANALYZE"):  # of all rows: a sample is a guess
            postgresql_server.run(statement, name)
        yield app
        db.engine.dispose()
    postgresql_server.drop(name)


@pytest.fixture
def asked(app):
    """The statements that the app sends, with their values."""
    sent: list[tuple[str, Any]] = []

    def note(_connection, _cursor, statement, parameters, *_):
        sent.append((statement, parameters))

    event.listen(db.engine, "before_cursor_execute", note)
    yield sent
    event.remove(db.engine, "before_cursor_execute", note)


def too_much(plan: dict[str, Any]) -> Iterator[str]:
    """What a plan does that takes the longer the more findings there are: read them all, or sort more than a list looks at."""
    kind, rows = plan["Node Type"], plan["Plan Rows"]
    if kind == "Seq Scan" and plan["Relation Name"] == "findings":
        yield "reads all findings"
    if kind == "Sort" and rows > listing.CANDIDATES:
        yield f"sorts {rows} rows"
    for part in plan.get("Plans", []):
        yield from too_much(part)


@pytest.mark.parametrize("path", ASKED)
def test_no_page_reads_or_sorts_all_findings(app, asked, path):
    answer = app.test_client().get(path)
    assert answer.status_code == 200, answer.text
    about_findings = [each for each in asked if re.search(r"\bfinding(s|_events)\b", each[0])]
    assert about_findings or not path.startswith(LIST)
    with databases.engine(app.config["SQLALCHEMY_ENGINES"]["default"]["url"]).connect() as connection:
        for statement, values in about_findings:
            (told,) = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", values).scalar_one()
            assert list(too_much(told["Plan"])) == [], statement
