"""What there is to do, as the bar expects it before it is counted."""

from __future__ import annotations

from datetime import date

import pytest

from hextrackr.ingest.estimate import SourceState, Work, foreseen

DAY, LATER = date(2026, 8, 1), date(2026, 8, 8)
BEFORE = SourceState(open=1_000, day=DAY, restated=0.5)
FORECAST = {"inserted": 10, "unchanged": 300, "updated": 0, "reopened": 0, "resolved": 700, "openBefore": 1_000}


@pytest.mark.parametrize(("resolves", "changed"), [(True, 700), (False, 0)])
def test_after_its_question_an_import_does_what_was_found_before(resolves, changed):
    work = foreseen(Work(findings=310), BEFORE, LATER, FORECAST, resolves=resolves)
    assert (work.new, work.changed, work.seen_again, work.restated) == (10, changed, 300, 150)


def test_an_import_that_did_not_ask_is_expected_to_be_like_others():
    work = foreseen(Work(findings=1_000), BEFORE, LATER, {}, resolves=True)
    assert (work.new, work.changed, work.seen_again, work.restated) == (100, 100, 900, 450)
