"""What a mapping makes of a file before it is saved: of files in any encoding, of the beginning of large ones, of rows that are stored."""

from __future__ import annotations

import pytest

from hextrackr.errors import RequestError
from hextrackr.ingest import mapping_trial

FIELDS = {"host": "Machine", "title": "Problem", "severity": "How bad"}
TEXT = "Machine;Problem;How bad\nweb1;Old TLS;Ärgerlich\nweb2;Old TLS;Low\n"


@pytest.fixture
def tried(tmp_path):
    def run(content=b"", **changes):
        upload = tmp_path / "upload.csv"
        upload.write_bytes(content)
        folder = tmp_path / "trial"
        folder.mkdir(exist_ok=True)
        asked = {
            "upload": str(upload), "fields": FIELDS, "meanings": {}, "severityScale": "words", "dayFirst": False, **changes,
        }  # fmt: skip
        return mapping_trial.run(asked, folder)

    return run


def values(answer):
    return [(value["word"], value["rows"], value["meaning"]) for value in answer["values"]["severity"]["values"]]


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        TEXT.encode("cp1252"),
        TEXT.encode("utf-16"),
        b"A report\n\n" + TEXT.encode(),
        "".join(f'"{line}"\r\n' for line in TEXT.splitlines()).encode(),
    ],
    ids=["utf-8", "cp1252", "utf-16", "preamble", "wrapped"],
)
def test_a_file_however_it_is_written(tried, content):
    answer = tried(content, meanings={"severity": {"ärgerlich": "high"}})
    assert (answer["works"], answer["counts"]["findings"], answer["trouble"]) == (True, 2, "")
    assert sorted(values(answer)) == [("low", 1, "low"), ("ärgerlich", 1, "high")]
    assert [row["severity"] for row in answer["rows"]] == ["high", "low"]
    assert answer["rows"][0]["cells"] == ["web1", "Old TLS", "Ärgerlich"]


def test_of_a_large_file_the_first_rows_are_tried_and_all_values_counted(tried, monkeypatch):
    monkeypatch.setattr(mapping_trial, "TRIED_BYTES", 2_000)
    rows = "".join(f'web{number};"Old\nTLS";{"Low" if number < 400 else "Awful"}\n' for number in range(500))
    answer = tried(f"Machine;Problem;How bad\n{rows}".encode())
    assert answer["wholeFile"] is False
    assert 80 < answer["counts"]["rows"] < 130
    assert answer["counts"]["findings"] == answer["counts"]["rows"]
    assert values(answer) == [("low", 400, "low"), ("awful", 100, None)]


def test_stored_rows_and_values_that_were_refused(tried):
    sample = {"header": ["Machine", "Problem", "How\nbad"], "rows": [["web1", 'Old "TLS"; x', "Low"], ["web2"]]}
    fields = {**FIELDS, "severity": "How bad"}
    answer = tried(upload=None, sample=sample, fields=fields, rejected={"How\nbad": [("Awful", 3), ("LOW", 1)]})
    assert (answer["trouble"], answer["missing"]) == ("", [])
    assert answer["counts"]["rejected"] == 1
    assert answer["rows"][0]["title"] == 'Old "TLS"; x'
    assert values(answer) == [("", 1, None), ("low", 1, "low"), ("awful", 3, None)]


@pytest.mark.parametrize(
    ("content", "trouble"),
    [(b'Machine;Problem;How bad\nweb1;"Old TLS;Low\n', "never closed"), (b"Machine;Problem;How bad\n", "")],
)
def test_a_file_of_which_nothing_comes(tried, content, trouble):
    answer = tried(content)
    assert not answer["works"]
    assert trouble in answer["trouble"]


def test_what_no_mapping_can_have_is_refused(tried):
    with pytest.raises(RequestError, match="no column 'Colour'"):
        tried(TEXT.encode(), fields={"host": "Colour"})
