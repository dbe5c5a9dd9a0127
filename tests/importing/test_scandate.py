"""Where a scan's date comes from."""

from __future__ import annotations

from datetime import date

import pytest

from hextrackr.importing.scandate import in_filename, of_scan

TODAY = date(2026, 9, 15)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("scan-2026-08-20.csv", date(2026, 8, 20)),
        ("20260820_scan.csv", date(2026, 8, 20)),
        ("scan 08-20-2026.csv", date(2026, 8, 20)),
        ("weekly_aug28.csv", date(2026, 8, 28)),
        ("Weekly August 28.csv", date(2026, 8, 28)),
        ("dec24.csv", date(2025, 12, 24)),
        ("2026-02-30.csv", None),
        ("13-40-2026.csv", None),
        ("2027-01-01.csv", None),
        ("nessus_new.csv", None),
        ("report-1234567890.csv", None),
        ("marketing5.csv", None),
    ],
)
def test_dates_in_names(name, found):
    assert in_filename(name, TODAY) == found


@pytest.mark.parametrize(
    ("said", "newest", "name", "chosen"),
    [
        (date(2026, 1, 1), date(2026, 2, 2), "2026-03-03.csv", date(2026, 1, 1)),
        (None, date(2026, 2, 2), "2026-03-03.csv", date(2026, 2, 2)),
        (None, date(2030, 1, 1), "2026-03-03.csv", date(2026, 3, 3)),
        (None, None, "2026-03-03.csv", date(2026, 3, 3)),
        (None, None, "scan.csv", TODAY),
    ],
)
def test_precedence(said, newest, name, chosen):
    assert of_scan(said, newest, name, TODAY) == chosen
