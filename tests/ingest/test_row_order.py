"""The order of the rows in a file does not matter, whatever the rows say of one another."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hextrackr.domain import undo
from tests.support.exports import export, row
from tests.support.sql import LAST_SEEN, joined

ROWS = st.lists(
    st.builds(
        row,
        host=st.sampled_from(["host-1", "host-2"]),
        asset_name=st.sampled_from(["web1", "WEB1", "web2"]),
        plugin=st.sampled_from(["1001", "1002"]),
        title=st.sampled_from(["OpenSSL is old", "OpenSSL is older"]),
        cve=st.sampled_from(["", "CVE-2026-1000", "CVE-2026-2000,CVE-2026-1000"]),
        port=st.sampled_from(["443", "0", "none"]),
        severity=st.sampled_from(["Low", "High", "terrible"]),
        state=st.sampled_from(["ACTIVE", "FIXED", "RESURFACED"]),
        vpr=st.sampled_from(["", "5.0", "9.9"]),
        last_seen=st.sampled_from(["", "2026-08-01T00:00:00Z", "2026-08-02T00:00:00Z"]),
        description=st.sampled_from(["one", "two\r\nlines"]),
    ),
    min_size=1,
    max_size=6,
)
#: As in test_properties.py.
EXAMPLES = os.environ.get("PROPERTY_EXAMPLES")
FIGURES = ("rows_read", "staged", "merged", "blank", "rejected", "inserted", "open_staged", "scan_date", "recognition")
RECORD = f"""
    SELECT a.key, a.name, d.key, d.title, d.description, f.port, f.severity, f.vpr, f.first_seen, {LAST_SEEN}, f.lifecycle,
           (SELECT {{joined}} FROM (SELECT cve FROM definition_cves WHERE definition_id = d.id ORDER BY cve) AS named)
    FROM findings f JOIN assets a ON a.id = f.asset_id JOIN definitions d ON d.id = f.definition_id ORDER BY 1, 3, 6
"""


@settings(
    max_examples=int(EXAMPLES or 6),
    derandomize=EXAMPLES is None,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data(), rows=ROWS)
def test_the_order_of_rows_does_not_matter(run_import, engine, query, data, rows):
    rows.append(row(host="host-9"))  # one that is sound, so that the file is taken

    def outcome(content):
        record = run_import(content)
        told = [getattr(record, name) for name in FIGURES], query(RECORD.format(joined=joined(engine, "cve")))
        rejects = sorted(query('SELECT "column", value, reason FROM rejects WHERE import_id = ?', record.id))
        undo.undo_import(engine, record.id)
        return told, rejects

    assert outcome(export(rows)) == outcome(export(data.draw(st.permutations(rows))))
