"""What a file's rows become: findings, merged duplicates, blanks and rejects, and never anything else."""

from __future__ import annotations

import pytest

from hextrackr.errors import FileRefused, HexTrackrError
from hextrackr.ingest import cell_sql
from tests.support.exports import COLUMNS, export, row, scan
from tests.support.sql import LAST_SEEN

HEADER = ",".join(COLUMNS)


def test_every_row_is_accounted_for(run_import, figures, query):
    content = export(
        [
            row(host="a"),
            row(host="a"),
            {},
            row(host="b", severity="Weird"),
            row(host="", asset_name="", asset_display_ipv4_address=""),
            row(host="c", port="99999"),
            row(host="d", plugin="", title=""),
            row(host="e"),
        ]
    )
    record = run_import(content)
    assert record.rows_read == 8
    assert figures(record) == {"inserted": 2, "merged": 1, "blank": 1, "rejected": 4}
    assert record.rows_read == record.staged + record.merged + record.blank + record.rejected
    rejects = query('SELECT line, "column", value FROM rejects ORDER BY line')
    assert rejects == [
        (5, "severity", "Weird"),
        (6, "asset.id", ""),
        (7, "port", "99999"),
        (8, "definition.id", ""),
    ]


def test_lines_are_counted_as_an_editor_does(run_import, query):
    content = export([row(description="one\r\ntwo\r\nthree"), row(severity="Weird"), row(host="z")])
    content = content.replace(HEADER.encode() + b"\r\n", HEADER.encode() + b"\r\n\r\n")
    run_import(content)
    [(line,)] = query("SELECT line FROM rejects")
    assert content.split(b"\r\n")[line - 1].count(b"Weird") == 1


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("a,b,c", "cells, but the header has"),
        (",".join(["x"] * (len(COLUMNS) + 1)), "cells, but the header has"),
        ('a,"b" c,' + ",".join(["x"] * (len(COLUMNS) - 2)), "quote"),
    ],
)
def test_a_malformed_row_is_a_reject_with_its_line(run_import, figures, query, bad, reason):
    good = export([row(host="a"), row(host="b")]).decode().splitlines()
    content = "\n".join([good[0], good[1], bad, good[2], ""]).encode()
    record = run_import(content)
    assert figures(record) == {"inserted": 2, "rejected": 1}
    [(line, said)] = query("SELECT line, reason FROM rejects")
    assert line == 3
    assert reason in said


def test_an_unclosed_quote_is_refused_and_names_its_line(run_import, query):
    lines = export([row(host=str(n)) for n in range(5)]).decode().splitlines()
    lines[2] = lines[2].replace("OpenSSL", '"OpenSSL')
    with pytest.raises(FileRefused, match="line 3"):
        run_import("\n".join(lines).encode())
    assert query("SELECT count(*) FROM findings") == [(0,)]


def test_text_keeps_its_characters_and_loses_its_padding(run_import, query):
    run_import(export([row(title="  Grüße – <b>日本語</b>\n", description="\r\n a\r\n\r\n\tb ")]))
    assert query("SELECT title, description FROM definitions") == [("Grüße – <b>日本語</b>", "a\r\n\r\n\tb")]


@pytest.mark.parametrize(
    ("encoding", "bom", "newline", "delimiter"),
    [
        ("utf-8", b"", "\n", ","),
        ("utf-8", b"\xef\xbb\xbf", "\r\n", ";"),
        ("utf-16-le", b"\xff\xfe", "\r\n", "\t"),
        ("cp1252", b"", "\n", "|"),
    ],
)
def test_every_dialect_gives_the_same_findings(run_import, query, encoding, bom, newline, delimiter):
    rows = [row(host=f"h{n}", title="Schlüssel “alt”", description="a\nb;c,d|e\tf") for n in range(3)]
    content = bom + export(rows, delimiter=delimiter, newline=newline).decode().encode(encoding)
    run_import(content)
    assert query("SELECT count(*) FROM findings") == [(3,)]
    assert query("SELECT title, description FROM definitions") == [("Schlüssel “alt”", "a\nb;c,d|e\tf")]


def test_mixed_line_ends_give_the_same_findings(run_import, query):
    lines = export([row(host=f"h{n}", description="a\r\nb") for n in range(4)], newline="\n").decode().split("\n")
    run_import("\r\n".join(lines[:3]).encode() + b"\n" + "\n".join(lines[3:]).encode())
    assert query("SELECT count(*) FROM findings") == [(4,)]


def test_the_guessed_encoding_is_reported(run_import):
    record = run_import(export([row(title="Schlüssel")]).decode().encode("cp1252"))
    assert "cp1252" in record.warnings[0]


def test_cves_are_a_set_on_the_definition(run_import, query):
    cells = ("CVE-2024-1, CVE-2024-22,cve-2024-333", "CVE-2024-1234 CVE-2024-1234", "none", "")
    run_import(export(row(host=host, plugin=str(number), cve=cve) for host in "ab" for number, cve in enumerate(cells)))
    found = query("SELECT key, cve FROM definition_cves JOIN definitions ON id = definition_id ORDER BY key, cve")
    assert found == [("0", "CVE-2024-22"), ("0", "CVE-2024-333"), ("1", "CVE-2024-1234")]


def test_rows_repeated_for_each_cve_are_one_finding(run_import, figures, query):
    record = run_import(export([row(cve=f"CVE-2024-{n}") for n in range(1000, 1003)]))
    assert figures(record) == {"inserted": 1, "merged": 2}
    assert query("SELECT count(*) FROM definition_cves") == [(3,)]


def test_a_cve_in_the_name_counts_where_no_column_has_one_and_an_advisory_only_without_a_cve(run_import, query):
    title = "Cisco IOS XE cisco-sa-iosxe-webui-j22SaA4z (CVE-2023-20198)"
    run_import(export([row(title=title, cve="CVE-2023-1111")]), source_label="with a CVE")
    assert query("SELECT cve FROM definition_cves") == [("CVE-2023-1111",)]
    run_import(export([row(title=title, cve="")]), source_label="with an empty cell")
    assert query("SELECT cve FROM definition_cves WHERE definition_id = 2") == [("CVE-2023-20198",)]
    without = [column for column in COLUMNS if column != "definition.cve"]
    run_import(export([row(title=title)], columns=without), source_label="without the column")
    assert query("SELECT cve FROM definition_cves WHERE definition_id = 3") == [("CVE-2023-20198",)]
    run_import(export([row(title=title[:45], cve="")]), source_label="without a CVE")
    assert query("SELECT cve FROM definition_cves WHERE definition_id = 4") == [("cisco-sa-iosxe-webui-j22SaA4z",)]


@pytest.mark.parametrize(("value", "stored"), [("9.8", 9.8), ("98", 9.8), ("980", None), ("n/a", None)])
def test_a_score_is_stored_on_its_scale_or_not_at_all(run_import, query, value, stored):
    run_import(export([row(vpr=value)]))
    assert query("SELECT vpr FROM findings") == [(stored,)]


def test_severities(run_import, query):
    words = {"Critical": 4, "HIGH": 3, "medium": 2, "Low": 1, "Info": 0, "None": 0, "4": 4, "0": 0}
    run_import(export(row(plugin=str(number), severity=word) for number, word in enumerate(words)))
    assert query("SELECT severity FROM findings ORDER BY id") == [(stored,) for stored in words.values()]


@pytest.mark.parametrize(
    ("cells", "key"),
    [
        ({}, "host-1"),
        ({"host": "", "asset_display_fqdn": "WEB1.Example.Org"}, "web1.example.org"),
        ({"host": ""}, "10.0.0.1"),
        ({"host": "", "asset_display_ipv4_address": ""}, "web1"),
    ],
)
def test_identity_of_a_host(run_import, query, cells, key):
    run_import(export([row(**cells)]))
    assert query("SELECT key FROM assets") == [(key,)]


def test_the_same_plugin_on_two_ports_is_two_findings(run_import, figures):
    rows = [row(port="443"), row(port="8443"), row(port="443"), row(port="443", protocol="UDP"), row(port="")]
    assert figures(run_import(export(rows))) == {"inserted": 4, "merged": 1}


def test_the_order_of_rows_does_not_matter(run_import, query):
    rows = [
        row(host="a", description="older text", severity="Low", vpr="1.0", last_seen="2026-07-30T00:00:00.000Z"),
        row(host="a", description="newer text", severity="High", vpr="2.0"),
        row(host="b", title="OpenSSL is quite old"),
    ]
    shown = (
        f"SELECT title, description, f.severity, f.vpr, {LAST_SEEN}, a.key FROM findings f "
        "JOIN definitions d ON d.id = f.definition_id JOIN assets a ON a.id = f.asset_id ORDER BY a.source_id, a.key"
    )
    run_import(export(rows), source_label="one")
    run_import(export(reversed(rows)), source_label="two")
    found = query(shown)
    assert found[:2] == found[2:]


def test_a_file_all_of_whose_rows_are_rejected_is_refused(run_import):
    with pytest.raises(FileRefused, match="None of the 2 rows"):
        run_import(export([row(severity="Weird"), row(severity="Odd")]))


@pytest.mark.parametrize("cell_bytes", [200_000, 3_000_000])
def test_a_long_cell_is_read_and_as_much_as_is_kept_of_one_is_kept(run_import, query, cell_bytes):
    record = run_import(export([row(description="x" * cell_bytes), row(host="b")]))
    assert query("SELECT length(description) FROM definitions") == [(cell_sql.TEXT,)]
    assert any("1 text of vulnerabilities" in warning for warning in record.warnings)
    assert query("SELECT count(*) FROM findings") == [(2,)]


@pytest.mark.parametrize("cut", [0, 1, 2, 30, 150, 300, 400])
def test_a_file_cut_anywhere_is_refused_or_accounted_for(run_import, cut):
    content = scan(range(2), description="one\ntwo")
    try:
        record = run_import(content[: len(content) - cut])
    except HexTrackrError as refusal:
        assert refusal.code in ("UNREADABLE_CSV", "UNKNOWN_FORMAT", "MISSING_COLUMNS")
    else:
        assert record.rows_read == record.staged + record.merged + record.blank + record.rejected
