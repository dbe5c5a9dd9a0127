"""How a file was understood, as its user is told."""

from __future__ import annotations

import pytest

from tests.support.exports import COLUMNS, export, row

NESSUS = b"Plugin ID,CVE,Risk,Host,Protocol,Port,Name,Synopsis,Plugin Output\n1,,High,web1,tcp,443,Old,s,o\n"


def test_a_file_is_described(run_import):
    rows = [row(), row(plugin="2", first_observed="2026-06-01T00:00:00Z"), row(plugin="3", severity="terrible")]
    content = export(rows, columns=(*COLUMNS, "age_in_days"), delimiter=";")
    assert run_import(content).recognition == {
        "format": "Tenable Vulnerability Management",
        "confidence": 0.95,
        "alternatives": [],
        "encoding": "utf-8",
        "delimiter": ";",
        "headerLine": 1,
        "columns": len(COLUMNS) + 1,
        "usedColumns": sorted(COLUMNS),
        "unusedColumns": ["age_in_days"],
        "hasStates": True,
        "hasPorts": True,
        "hasProtocols": True,
        "rowsSampled": 3,
        "dates": {
            "dayFirst": False,
            "firstSeen": ["2026-06-01", "2026-07-01"],
            "lastSeen": ["2026-08-01"] * 2,
            "scan": {"launched": None, "started": None, "newest": "2026-08-01", "made": None},
            "inFuture": 0,
        },
    }


@pytest.mark.parametrize(
    ("content", "confidence", "alternatives"),
    [
        pytest.param(NESSUS, 0.95, [], id="one format"),
        pytest.param(
            NESSUS.replace(b"CVE,", b"CVE,CVSSv3,").replace(b"1,,", b"1,,9.8,"),
            0.75,
            ["Nessus Professional"],
            id="several",
        ),
        pytest.param(b"hostname,severity,plugin_name\nweb1,High,Old TLS\n", 0.5, [], id="generic"),
    ],
)
def test_how_sure_it_is(run_import, content, confidence, alternatives):
    told = run_import(content).recognition
    assert (told["confidence"], told["alternatives"]) == (confidence, alternatives)
    assert told["dates"] == {
        "dayFirst": False,
        "firstSeen": None,
        "lastSeen": None,
        "scan": dict.fromkeys(("launched", "started", "newest", "made")),
        "inFuture": 0,
    }
