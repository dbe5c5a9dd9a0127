"""Single cells in, what is stored out: dates, scores, identifiers and texts, without a file."""

from __future__ import annotations

import re
from datetime import date

import duckdb
import pytest

from hextrackr.ingest import cell_sql
from hextrackr.ingest.cell_sql import Scale


@pytest.fixture(scope="module")
def cell():
    """Evaluate an expression over one cell, called ``c0``."""
    connection = duckdb.connect()

    def run(expression: str, value: str | None):
        return connection.execute(f"SELECT {expression} FROM (SELECT CAST(? AS VARCHAR) AS c0)", [value]).fetchone()[0]

    yield run
    connection.close()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2023-07-11T20:51:21.228Z", date(2023, 7, 11)),
        ("2021-09-28T10:20:30.3988407Z", date(2021, 9, 28)),
        ("2018-03-21T10:19:16+08:00", date(2018, 3, 21)),
        ("2018-03-21T23:19:16-0500", date(2018, 3, 21)),
        ("2026-01-09 20:43:57.372891 +0000 UTC", date(2026, 1, 9)),
        ("2024-09-16 04:00:30", date(2024, 9, 16)),
        ("2024-09-16 04:00", date(2024, 9, 16)),
        ("2024-09-16", date(2024, 9, 16)),
        ("2007/08/19", date(2007, 8, 19)),
        ("Feb 9, 2024 10:48:42 UTC", date(2024, 2, 9)),
        ("Feb 9, 2024 10:48:42 MST", date(2024, 2, 9)),
        ("Oct 17, 2024 17:24:54 EDT", date(2024, 10, 17)),
        ("Feb 03, 2026 07:00 AM", date(2026, 2, 3)),
        ("04 Feb 2026 10:00AM GMT-0500", date(2026, 2, 4)),
        ("September 3, 2025", date(2025, 9, 3)),
        ("3 September 2025", date(2025, 9, 3)),
        ("03-Sep-2025", date(2025, 9, 3)),
        ("Mon, 03 Mar 2025 10:00:00 GMT", date(2025, 3, 3)),
        ("Mon Mar  3 10:00:00 2025", date(2025, 3, 3)),
        ("Mon Mar 3 10:00:00 UTC 2025", date(2025, 3, 3)),
        ("13.05.2021 07:08", date(2021, 5, 13)),
        ("1524492848645", date(2018, 4, 23)),
        ("1524492848", date(2018, 4, 23)),
        ("13-Feb-26", date(2026, 2, 13)),
        ("3-Jan-26", date(2026, 1, 3)),
        ("13-FEB-2026 07:08", date(2026, 2, 13)),
        ("13/Feb/2026", date(2026, 2, 13)),
        ("13 Feb 26", date(2026, 2, 13)),
        ("13Feb2026", date(2026, 2, 13)),
        ("Feb 13 26", date(2026, 2, 13)),
        ("Feb 13, 26 7:08 AM", date(2026, 2, 13)),
        ("Feb-13-2026", date(2026, 2, 13)),
        ("February 13th, 2026", date(2026, 2, 13)),
        ("2026-Feb-13", date(2026, 2, 13)),
        ("13.02.26", date(2026, 2, 13)),
        ("20260213", date(2026, 2, 13)),
        ("20260213T070859Z", date(2026, 2, 13)),
        ("13-Feb-69", date(1969, 2, 13)),
        ("13-Feb-99", date(1999, 2, 13)),
        ("2026-02-13t07:08:28z", date(2026, 2, 13)),
        ("2026-02-13 07:08:28+00", date(2026, 2, 13)),
        ("2026-09-10 10:00:00.123 +0000 UTC", date(2026, 9, 10)),
        ("0001-01-01T00:00:00Z", date(1, 1, 1)),
        ("Dec 31, 9999 23:59:59 UTC", date(9999, 12, 31)),
        ("1-1-1-26", None),
        ("13-Feb-026", None),
        ("Febtober 13, 2026", None),
        ("2026-02-13 27:08", None),
        ("seen 2026-02-13", None),
        ("2026-02", None),
        ("Feb 2026", None),
        ("=2026-02-13", None),
        ("10.0.0.26", None),
        ("2026-02-30", None),
        ("2026-13-01T00:00:00Z", None),
        ("Feb 30, 2026 07:00 AM", None),
        ("0000-00-00 00:00:00", None),
        ("tomorrow", None),
        ("2024-09-16 and more", None),
        ("12", None),
        ("", None),
        (None, None),
    ],
)
def test_dates_of_every_shape(cell, text, found):
    for day_first in (True, False):
        assert cell(cell_sql.day("c0", day_first=day_first), text) == found


@pytest.mark.parametrize(
    "text", ["2023-07-11T20:51:21.228Z", "13-Feb-26", "Feb 03, 2026 07:00 AM", "20260213", "2026-02-30", "someday", ""]
)
def test_a_text_is_read_like_a_cell(cell, text):
    for day_first in (True, False):
        assert cell_sql.day_of_text(text, day_first=day_first) == cell(cell_sql.day("c0", day_first=day_first), text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2026-02-13T07:08:28.123Z", date(2026, 2, 13)),
        ("2026-02-13 07:08:28", date(2026, 2, 13)),
        ("2026-02-13", date(2026, 2, 13)),
        ("0001-01-01T00:00:00Z", date(1, 1, 1)),
        ("13-02-26", None),
        ("1-02-26", None),
        ("1-01-01", None),
        ("13-Feb-26", None),
        ("", None),
        (None, None),
    ],
)
def test_dates_as_most_programs_write_them(cell, text, found):
    assert cell(cell_sql.day("c0", day_first=False, usual=True), text) == found


TODAY = date(2026, 9, 15)


@pytest.mark.parametrize(
    ("text", "found", "odd", "to_come"),
    [
        ("2026-09-15", date(2026, 9, 15), False, False),
        ("1990-01-01", date(1990, 1, 1), False, False),
        ("1989-12-31", None, True, False),
        ("2026-09-16T00:00:00Z", None, False, True),
        ("13-Feb-30", None, False, True),
        ("13-Feb-69", None, True, False),
        ("someday", None, True, False),
        ("0001-01-01T00:00:00Z", None, False, False),
        ("01/01/0001 12:00:00 AM", None, False, False),
        ("1601-01-01 00:00:00", None, False, False),
        ("1600-12-31T16:00:00-08:00", None, False, False),
        ("Jan 1, 1970 00:00:00 UTC", None, False, False),
        ("1/1/70", None, False, False),
        ("Dec 31, 1969 19:00:00 EST", None, False, False),
        ("9999-12-31T23:59:59Z", None, False, False),
        ("31.12.9999", None, False, False),
        ("0000-00-00 00:00:00", None, False, False),
        ("0", None, False, False),
        ("Never", None, False, False),
        ("'-", None, False, False),
        (None, None, False, False),
    ],
)
def test_which_days_are_believed(cell, text, found, odd, to_come):
    day = cell_sql.day("c0", day_first=False)
    assert cell(cell_sql.believable_day(day, TODAY), text) == found
    assert [cell(left_out, text) for left_out in cell_sql.left_out_days("c0", day, TODAY)] == [odd, to_come]


@pytest.mark.parametrize(
    ("text", "day_first", "month_first"),
    [
        ("03/04/2026", date(2026, 4, 3), date(2026, 3, 4)),
        ("3/4/2026 7:08", date(2026, 4, 3), date(2026, 3, 4)),
        ("03-04-2026", date(2026, 4, 3), date(2026, 3, 4)),
        ("03/04/26", date(2026, 4, 3), date(2026, 3, 4)),
        ("22/09/2022 13:01", date(2022, 9, 22), None),
        ("23/11/2009", date(2009, 11, 23), None),
        ("05/13/2021 07:08:28", None, date(2021, 5, 13)),
        ("05/13/2021 at 07:08:28 (GMT+0100)", None, date(2021, 5, 13)),
        ("13-02-26", date(2026, 2, 13), None),
        ("31/04/2026", None, None),
    ],
)
def test_dates_in_numbers(cell, text, day_first, month_first):
    assert cell(cell_sql.day("c0", day_first=True), text) == day_first
    assert cell(cell_sql.day("c0", day_first=False), text) == month_first


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("9.8", 9.8),
        ("9.8 (AV:N/AC:H/PR:N/UI:N/S:U/C:H/I:H/A:H)", 9.8),
        ("8.1(AV:N)", 8.1),
        ("7,5", 7.5),
        ("98", 98.0),
        ("38.33%", 0.3833),
        ("0", 0.0),
        ("-1", -1.0),
        ("High", None),
        ("9.8.1", None),
        ("", None),
        (None, None),
    ],
)
def test_numbers(cell, text, number):
    assert cell(cell_sql.number("c0"), text) == pytest.approx(number)


@pytest.mark.parametrize(
    ("text", "scale", "score"),
    [
        ("9.8", None, 9.8),
        ("98", None, None),
        ("-1", None, None),
        ("nan", None, None),
        ("inf", None, None),
        ("50", Scale(10, over_only=False), 5.0),
        ("100", Scale(10, over_only=False), 10.0),
        ("10", Scale(10, over_only=False), 1.0),
        ("10", Scale(10, over_only=True), 10.0),
        ("98", Scale(10, over_only=True), 9.8),
        ("11.5", Scale(10, over_only=True), None),
        ("980", Scale(10, over_only=True), None),
        ("98", Scale(0, over_only=True), None),
    ],
)
def test_scores_never_leave_their_scale(cell, text, scale, score):
    assert cell(cell_sql.score(10.0, {"c0": scale}, limited=True), text) == score


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("CVE-2024-1234, cve-2024-99999;CVE-3011-32", ["CVE-2024-1234", "cve-2024-99999", "CVE-3011-32"]),
        ("CVE-2024-1", []),
        ("Cisco IOS XE (cisco-sa-iosxe-webui-privesc-j22SaA4z)", ["cisco-sa-iosxe-webui-privesc-j22SaA4z"]),
        ("GHSA-m425-mq94-257g", ["GHSA-m425-mq94-257g"]),
        ("PAN-SA-2024-0006", ["PAN-SA-2024-0006"]),
        ("RHSA-2024:1234 RHBA-2023:12345", ["RHSA-2024:1234", "RHBA-2023:12345"]),
        ("USN-6663-1, DSA-5724-1", ["USN-6663-1", "DSA-5724-1"]),
        ("SUSE-SU-2024:0001-1", ["SUSE-SU-2024:0001-1"]),
        ("MONGO-4.2 and MS17-0100", []),
        ("MS17-010", ["MS17-010"]),
    ],
)
def test_ids(cell, text, ids):
    assert cell(f"regexp_extract_all(c0, '{cell_sql.ANY_ID}')", text) == ids


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Critical RCE.<P>", "Critical RCE."),
        ("one<BR>two<br/>three", "one\ntwo\nthree"),
        ("<p>Weak <b>ciphers</b></p>", "Weak ciphers"),
        ("<ul><li>a</li><li>b</li></ul>", "- a\n- b"),
        ('<A HREF="https://example.org" TARGET="_blank">the page</A>', "the page"),
        ("if a < b and c > d", "if a < b and c > d"),
        ("<config> stays, <script>x</script> too", "<config> stays, <script>x</script> too"),
        ("plain", "plain"),
        ("<P>", None),
        (None, None),
    ],
)
def test_markup(cell, text, plain):
    assert cell(cell_sql.plain("c0"), text) == plain


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("a &lt; b &amp;&amp; c", "a < b && c"),
        ("caf&eacute; &#8211; it&rsquo;s &#x41;&quot;&apos;", "café – it’s A\"'"),
        ("one&nbsp;two&#160;three", "one two three"),
        ("&amp;lt;b&amp;gt; &#38;amp; &amp;#38;", "&lt;b&gt; &amp; &#38;"),
        ("AT&T; &nothing; a=1&lt=2", "AT&T; &nothing; a=1&lt=2"),
    ],
)
def test_entities(cell, text, plain):
    assert cell(cell_sql.unescaped("c0", re.findall(cell_sql.ENTITY, text)), text) == plain
