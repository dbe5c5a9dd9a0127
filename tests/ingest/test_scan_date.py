"""Where a scan's date comes from."""

from __future__ import annotations

from datetime import date

import pytest

from hextrackr.ingest.scan_date import ScanDates, choose, in_filename, newest

TODAY = date(2026, 9, 15)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("scan-2026-08-20.csv", date(2026, 8, 20)),
        ("scan-2026-8-2.csv", date(2026, 8, 2)),
        ("2025_10_15.csv", date(2025, 10, 15)),
        ("20260820_scan.csv", date(2026, 8, 20)),
        ("scan20251015.csv", date(2025, 10, 15)),
        ("scan_20251015T1030.csv", date(2025, 10, 15)),
        ("scan-20251015103045.csv", date(2025, 10, 15)),
        ("scan 08-20-2026.csv", date(2026, 8, 20)),
        ("scan-10-15-2025.csv", date(2025, 10, 15)),
        ("scan-15-10-2025.csv", date(2025, 10, 15)),
        ("scan-15-10-2025-10-30.csv", date(2025, 10, 15)),
        ("2025-10-15-2010.csv", date(2025, 10, 15)),
        ("scan-5-9-2025.csv", date(2025, 5, 9)),
        ("15.10.2025.csv", date(2025, 10, 15)),
        ("05.09.2025.csv", date(2025, 9, 5)),
        ("report15102025.csv", date(2025, 10, 15)),
        ("weekly_aug28.csv", date(2026, 8, 28)),
        ("Weekly August 28.csv", date(2026, 8, 28)),
        ("vulns-sept01.csv", date(2026, 9, 1)),
        ("vulns-sep-1.csv", date(2026, 9, 1)),
        ("September_1st.csv", date(2026, 9, 1)),
        ("dec24.csv", date(2025, 12, 24)),
        ("01sept.csv", date(2026, 9, 1)),
        ("15oct2025.csv", date(2025, 10, 15)),
        ("15-Oct-2025.csv", date(2025, 10, 15)),
        ("15-Oct-25.csv", date(2025, 10, 15)),
        ("oct-15-2025.csv", date(2025, 10, 15)),
        ("October 15, 2025.csv", date(2025, 10, 15)),
        ("2025-oct-15.csv", date(2025, 10, 15)),
        ("2025Oct15.csv", date(2025, 10, 15)),
        ("scan1_oct15.csv", date(2025, 10, 15)),
        ("aug28_02.csv", date(2026, 8, 28)),
        ("2026-02-30.csv", None),
        ("13-40-2026.csv", None),
        ("2027-01-01.csv", None),
        ("1989-12-31.csv", None),
        ("oct2025.csv", None),
        ("nessus_new.csv", None),
        ("report-1234567890.csv", None),
        ("1760486400000.csv", None),
        ("marketing5.csv", None),
        ("decoder12.csv", None),
        ("10.0.0.26.csv", None),
    ],
)
def test_dates_in_names(name, found):
    assert in_filename(name, TODAY) == found


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("scan-5-9-2025.csv", date(2025, 9, 5)),
        ("scan-10-15-2025.csv", date(2025, 10, 15)),
        ("scan-2025-09-05.csv", date(2025, 9, 5)),
    ],
)
def test_dates_in_names_follow_the_order_of_those_in_the_file(name, found):
    assert in_filename(name, TODAY, day_first=True) == found


A, B, C, D, E = (date(2026, month, 1) for month in (1, 2, 3, 4, 5))


@pytest.mark.parametrize(
    ("form", "found", "name", "day", "of"),
    [
        (A, ScanDates(B, B, C, D), "2026-05-01.csv", A, "form"),
        (None, ScanDates(B, A, C, D), "2026-05-01.csv", B, "report"),
        (None, ScanDates(None, date(2026, 2, 27), C, D), "2026-05-01.csv", date(2026, 2, 27), "report"),
        (None, ScanDates(None, B, C, D), "2026-05-01.csv", C, "data"),
        (None, ScanDates(None, None, C, D), "2026-05-01.csv", C, "data"),
        (None, ScanDates(None, None, None, D), "2026-05-01.csv", D, "report"),
        (None, ScanDates(), "2026-05-01.csv", E, "filename"),
        (None, ScanDates(newest=date(2026, 9, 16)), "2026-05-01.csv", E, "filename"),
        (None, ScanDates(launched=date(1970, 1, 1)), "scan.csv", TODAY, "today"),
        (None, ScanDates(), "scan.csv", TODAY, "today"),
    ],
)
def test_precedence(form, found, name, day, of):
    assert choose(form, found, name, TODAY) == (day, of)


@pytest.mark.parametrize(("of", "told"), [("today", 1), ("filename", 0)])
def test_only_a_date_for_want_of_any_is_warned_of(of, told):
    name = "scan.csv" if of == "today" else "2026-05-01.csv"
    assert len(choose(None, ScanDates(), name, TODAY).warnings()) == told


@pytest.mark.parametrize(
    ("hosts", "day", "on_day", "before", "found"),
    [
        pytest.param(0, None, 0, None, None, id="no days"),
        pytest.param(3, D, 1, C, C, id="one clock"),
        pytest.param(3, D, 2, C, D, id="two hosts"),
        pytest.param(2, D, 1, C, D, id="too few hosts"),
        pytest.param(3, date(2026, 3, 8), 1, C, date(2026, 3, 8), id="a week"),
        pytest.param(3, date(2026, 3, 9), 1, C, C, id="more than a week"),
        pytest.param(3, D, 3, None, D, id="all on one day"),
    ],
)
def test_one_host_does_not_date_a_scan(hosts, day, on_day, before, found):
    assert newest(hosts, day, on_day, before) == found
