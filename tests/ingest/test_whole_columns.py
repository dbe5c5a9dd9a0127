"""What is decided over a whole column: the order of day and month, and the scale of scores."""

from __future__ import annotations

import pytest

QUALYS = "IP,QID,Title,Severity,First Detected,Last Detected\n"


def qualys(*days):
    return (QUALYS + "".join(f"10.0.0.{n},{n},T,3,{day},2026-06-01\n" for n, day in enumerate(days, start=1))).encode()


@pytest.mark.parametrize(
    ("days", "said", "found", "warned"),
    [
        pytest.param(
            ["03/04/2026", "05/13/2026"], None, ["2026-03-04", "2026-05-13"], None, id="as the scanner writes"
        ),
        pytest.param(
            ["03/04/2026", "13/05/2026"], None, ["2026-04-03", "2026-05-13"], "day/month/year", id="shown otherwise"
        ),
        pytest.param(["03/04/2026"], None, ["2026-03-04"], "do not show", id="left open"),
        pytest.param(["03/04/2026"], "day-first", ["2026-04-03"], None, id="said"),
        pytest.param(["03/04/2026"], "month-first", ["2026-03-04"], None, id="said the other"),
        pytest.param(["03/03/2026"], None, ["2026-03-03"], None, id="the same either way"),
        pytest.param(
            ["13/05/2026", "14/05/2026", "05/15/2026"], None, ["2026-05-13", "2026-05-14", None], "as most", id="mixed"
        ),
        pytest.param(
            ["05/13/2026", "02/04/2026"], "day-first", [None, "2026-04-02"], "1 date could not", id="said wrongly"
        ),
        pytest.param(["2026-05-13", "02/04/2026"], None, ["2026-05-13", "2026-02-04"], None, id="ISO at first"),
        pytest.param(["", "02/14/2026"], None, [None, "2026-02-14"], None, id="empty at first"),
        pytest.param(["02/30/2026", "02/14/2026"], None, [None, "2026-02-14"], "1 date could not", id="impossible"),
    ],
)
def test_the_order_of_day_and_month(run_import, query, days, said, found, warned):
    record = run_import(qualys(*days), date_order=said, mode="delta")
    stored = query("SELECT first_seen FROM findings ORDER BY asset_id")
    # A finding without a first day was first seen when it was last seen.
    assert stored == [(day or "2026-06-01",) for day in found]
    told = [warning for warning in record.warnings if warned and warned in warning]
    assert len(told) == (1 if warned else 0)
    assert warned or not record.warnings


def test_the_decision_is_taken_over_the_whole_file(run_import, query):
    days = ["03/04/2026"] * 20_000 + ["13/04/2026"]
    run_import(qualys(*days))
    assert query("SELECT DISTINCT first_seen FROM findings ORDER BY 1") == [("2026-04-03",), ("2026-04-13",)]


def test_dates_that_only_later_rows_write_in_another_way_are_understood(run_import, query):
    days = ["2026-05-13"] * 20_000 + ["14 May 2026", "someday"]
    record = run_import(qualys(*days) + b"10.0.0.1,1\n")
    assert query("SELECT DISTINCT first_seen FROM findings ORDER BY 1") == [
        ("2026-05-13",),
        ("2026-05-14",),
        ("2026-06-01",),
    ]
    assert (record.rows_read, record.rejected) == (20_003, 1)
    assert "1 date could not be understood and was left out." in record.warnings


def test_dates_of_definitions_that_only_later_rows_write_in_another_way_are_understood(run_import, query):
    days = ["2026-05-13"] * 20_000 + ["14 May 2026", "someday"]
    rows = [f"{number},High,web1,T,{day}" for number, day in enumerate(days, start=1)]
    record = run_import("\n".join(["Plugin ID,Risk,Host,Name,Plugin Publication Date", *rows]).encode())
    found = query("SELECT DISTINCT published FROM definitions")
    assert set(found) == {(None,), ("2026-05-13",), ("2026-05-14",)}
    assert "1 date could not be understood and was left out." in record.warnings


NESSUS = "Plugin ID,Risk,Host,Name,CVSS,VPR Score,EPSS Score\n"


@pytest.mark.parametrize(
    ("field", "column", "stored", "warned"),
    [
        ("cvss", ["50", "100", "98"], [5.0, 10.0, 9.8], "3 CVSS scores had lost their decimal point"),
        ("cvss", ["7.5", "98"], [7.5, 9.8], "1 CVSS score had lost its decimal point"),
        ("cvss", ["5", "98", "10"], [5.0, 9.8, 10.0], "1 CVSS score had lost its decimal point"),
        ("cvss", ["7.5", "1000"], [7.5, None], "1 CVSS score outside the scale of 0 to 10 was left out"),
        ("cvss", ["5", "10"], [5.0, 10.0], None),
        ("cvss", ["7.5", "-2"], [7.5, None], "1 CVSS score outside"),
        ("vpr", ["67", "6"], [6.7, 0.6], "2 VPR scores had lost their decimal point"),
        ("epss", ["3833", "97"], [0.3833, 0.0097], "2 EPSS scores were"),
        ("epss", ["38.33", "0.5"], [0.3833, 0.005], "in percent"),
        ("epss", ["38.33%", "0.5%"], [0.3833, 0.005], None),
        ("epss", ["0.97", "3833"], [0.97, 0.3833], "1 EPSS score was"),
        ("epss", ["0.97", "1.0"], [0.97, 1.0], None),
        ("epss", ["0.97", "3833333"], [0.97, None], "1 EPSS score outside"),
    ],
)
def test_scores_off_their_scale(run_import, query, field, column, stored, warned):
    def cells(score):
        return ",".join(score if name == field else "" for name in ("cvss", "vpr", "epss"))

    rows = "".join(f"{n},High,10.0.0.{n},N,{cells(score)}\n" for n, score in enumerate(column, start=1))
    record = run_import((NESSUS + rows).encode(), filename="2026-06-01.csv")
    assert query(f"SELECT {field} FROM definitions ORDER BY key") == [(score,) for score in stored]
    assert [warned in warning for warning in record.warnings] == ([True] if warned else [])
