"""Real exports, and what must come out of them (skipped where the folder with them is absent)."""

from __future__ import annotations


def test_tenable_vm(run_import, figures, query, scans):
    content = (scans / "tenable-vm" / "nessus_new.csv").read_bytes()
    record = run_import(content)
    assert figures(record) == {"inserted": 99}
    assert record.rows_read == 99
    assert query("SELECT severity, count(*) FROM findings GROUP BY 1") == [(1, 99)]
    by_cve = "SELECT count(*), count(DISTINCT f.id) FROM findings f JOIN definition_cves c USING (definition_id)"
    assert query(by_cve) == [(101, 50)]
    assert query("SELECT count(*) FROM definitions WHERE description IS NULL") == [(0,)]
    assert figures(run_import(content)) == {"unchanged": 99}
