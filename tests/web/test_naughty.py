"""Text that breaks programs comes out of the API as it went in, from every column."""

from __future__ import annotations

import io

import pytest

from tests.support.exports import COLUMNS, export, row

MORE = ("definition.solution", "definition.family", "definition.see_also", "asset.operating_system")
STRINGS = (
    "<script>alert(1)</script>", "'; DROP TABLE findings; --", "${jndi:ldap://x/a}", "{{7*7}}", "%s%n%x", "../../etc/passwd",
    "=HYPERLINK(\"http://x\")", "+1+1", "@SUM(A1)", "\\\"", "\\", "''", '"quoted", with, commas', "a\0b", "line\nbreak", "tab\tin",
    "ÅÄÖ ß ﬀ", "田中さん 👩‍👩‍👧 🏳️‍🌈", "\u202eright to left\u202c", "مرحبا", "Z̮̞̠͙͔a̡͓l͖͔g̘o", "\ufeffmark", "undefined", "NaN", "-1E+02",
    "1;2|3", "\x1b[31mred\x1b[0m", "%00", "&lt;b&gt;", "Infinity", "true", "0x10", "１２３", "ﷺ", "\u2028separator", "x" * 250,
)  # fmt: skip


def listed(client):
    """Every finding with its details, by plugin."""
    found = client.get("/api/vulnerabilities?limit=500").json["data"]
    return {item["pluginId"]: client.get(f"/api/vulnerabilities/{item['id']}").json for item in found}


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_every_string_in_every_text_column(working, client, bom):
    rows = [
        row(
            host=f"h{number}", plugin=f"p{number}", title=text, description=text, asset_name=text,
            **{"definition.solution": text, "definition.family": text, "definition.see_also": text, "asset.operating_system": text},
        )
        for number, text in enumerate(STRINGS)
    ]  # fmt: skip
    content = bom + export(rows, columns=(*COLUMNS, *MORE))
    answer = client.post("/api/vulnerabilities/import", data={"csvFile": (io.BytesIO(content), "scan.csv")})
    assert (answer.status_code, answer.json["inserted"], answer.json["rejected"]) == (200, len(STRINGS), 0)
    found = listed(client)
    for number, text in enumerate(STRINGS):
        one = found[f"p{number}"]
        assert {one[name] for name in ("title", "description", "solution", "family", "seeAlso", "host")} == {text}
