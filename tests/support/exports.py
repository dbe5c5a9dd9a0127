"""Make small exports of Tenable Vulnerability Management for tests."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

COLUMNS = (
    "asset.id", "asset.name", "asset.display_fqdn", "asset.display_ipv4_address", "definition.id", "definition.name",
    "definition.cve", "definition.description", "definition.vpr.score", "definition.cvss3.base_score",
    "first_observed", "last_seen", "port", "protocol", "severity", "state",
)  # fmt: skip

DEFAULTS = {
    "asset.id": "host-1",
    "asset.name": "web1",
    "asset.display_ipv4_address": "10.0.0.1",
    "definition.id": "1001",
    "definition.name": "OpenSSL is old",
    "first_observed": "2026-07-01T08:00:00.000Z",
    "last_seen": "2026-08-01T03:00:00.000Z",
    "port": "443",
    "protocol": "TCP",
    "severity": "High",
    "state": "ACTIVE",
}


def row(**cells: str) -> dict[str, str]:
    """A finding; ``asset_id="x"`` sets ``asset.id``, and so on for every column by its last parts."""
    columns = {column.replace("definition.cvss3.base_score", "cvss").replace(".", "_"): column for column in COLUMNS}
    short = {"host": "asset.id", "plugin": "definition.id", "cve": "definition.cve", "title": "definition.name",
             "vpr": "definition.vpr.score", "description": "definition.description"}  # fmt: skip
    return {**DEFAULTS, **{short.get(name) or columns.get(name) or name: value for name, value in cells.items()}}


def export(
    rows: Iterable[Mapping[str, str]], columns: Sequence[str] = COLUMNS, delimiter: str = ",", newline: str = "\r\n"
) -> bytes:
    """The bytes of an export with these rows."""
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(
        stream, columns, restval="", extrasaction="ignore", delimiter=delimiter, lineterminator=newline
    )
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue().encode()


def scan(hosts: Iterable[int], plugins: Iterable[int] = (1001,), **cells: str) -> bytes:
    """An export with a finding of each of these plugins on each of these hosts."""
    plugins = list(plugins)
    return export(
        row(
            **{"host": f"host-{host}", "asset_name": f"web{host}", "plugin": str(plugin), "title": f"Plugin {plugin}"}
            | cells
        )
        for host in hosts
        for plugin in plugins
    )
