"""What is suggested for a filter."""

from __future__ import annotations

import pytest

from hextrackr.errors import RequestError


@pytest.mark.parametrize(
    ("field", "text", "expected"),
    [
        ("family", "", ["a", "b"]),
        ("family", "B", ["b"]),
        ("host", "t-1", ["host-1", "host-10", "host-11", "host-12"]),
        ("host", "10.0.0.12", ["host-12"]),
        ("cve", "cve-2026-3", ["CVE-2026-3"]),
        ("os", "lin", ["Linux"]),
    ],
)
def test_what_is_on_record_is_suggested(record, ask, field, text, expected):
    assert ask("suggest", f"field={field}", q=text) == {"data": expected}


def test_nothing_is_suggested_for_other_filters(record, ask):
    with pytest.raises(RequestError, match="field must be one of host, cve, family, os"):
        ask("suggest", "field=severity")
