"""The columns of a list of findings: value, sort key and label of each.

The SQL uses the table aliases of :mod:`.filters`.
"""

from __future__ import annotations

from dataclasses import dataclass

from hextrackr.domain.fields import FINDING, HOST, VULNERABILITY, Field, Kind
from hextrackr.domain.models import WORST_FIRST
from hextrackr.readmodel.schema import ADDRESS

from .order import Key

#: SQL: the display name of a host.
HOST_NAME = "h.display"
_SEVERITY = "CASE f.severity {} END".format(
    " ".join(f"WHEN {severity.value} THEN '{severity.name.lower()}'" for severity in WORST_FIRST)
)


@dataclass(frozen=True)
class Column:
    """A column.

    :ivar name: its name in JSON, in query strings and in exports.
    :ivar label: its name on pages.
    :ivar sql: its value.
    :ivar order: its sort keys; if empty, its value.
    :ivar on_request: whether it is left out unless requested.
    :ivar exported: its value in an export; if empty, ``sql``.
    """

    name: str
    label: str
    sql: str
    order: tuple[Key, ...] = ()
    on_request: bool = False
    exported: str = ""


#: The sort key of a missing value.
_LOWEST = {Kind.SCORE: "-1", Kind.DAY: "DATE '0001-01-01'"}


def _ordered(field: Field, alias: str) -> Column:
    value = f"{alias}.{field.name}"
    if field.kind is Kind.TEXT:
        return Column(field.key, field.label, value, (_text(value),))
    return Column(field.key, field.label, value, (Key(f"coalesce({value}, {_LOWEST[field.kind]})"),))


def _text(value: str) -> Key:
    """Return the sort key of a text of a host or a vulnerability; the read model has a column with its rank."""
    return Key(f"lower(coalesce({value}, ''))", f"{value}_rank")


#: Key -> field and table alias of each ``listed`` field of the registry; a field of the finding overrides one of the vulnerability.
LISTED = {
    field.key: (field, alias)
    for fields, alias in ((VULNERABILITY, "d"), (HOST, "h"), (FINDING, "f"))
    for field in fields
    if field.listed
}
_COLUMNS = (
    Column("id", "Number", "f.id"),
    Column("severity", "Severity", _SEVERITY, (Key("f.severity"), Key("coalesce(f.vpr, -1)"))),
    Column("state", "State", "f.state"),
    Column("host", "Host", HOST_NAME, (_text(HOST_NAME),)),
    Column("fqdn", "FQDN", "h.fqdn", (_text("h.fqdn"),)),
    Column("ip", "IP address", "h.ip", (Key(ADDRESS.format(ip="h.ip"), "h.ip_rank"),)),
    Column("pluginId", "Plugin", "d.key", (Key("d.key", "d.key_rank"),)),
    Column("title", "Vulnerability", "d.title", (_text("d.title"),)),
    Column("cves", "CVE", "d.cves", (Key("coalesce(d.cves[1], '')", "d.cves_rank"),)),
    Column("port", "Port", "f.port"),
    Column("protocol", "Protocol", "f.protocol"),
    *(_ordered(field, alias) for field, alias in LISTED.values()),
    Column("firstSeen", "First seen", "f.first_seen"),
    Column("lastSeen", "Last seen", "w.day"),
    Column("resolvedOn", "Resolved on", "f.resolved_on", (Key("coalesce(f.resolved_on, DATE '0001-01-01')"),)),
    Column("daysOpen", "Days open", "coalesce(f.resolved_on, current_date) - f.first_seen", on_request=True),
    Column("scanner", "Scanner", "s.scanner", exported="coalesce(nullif(s.scanner_name, ''), s.scanner)"),
    Column("source", "Source", "s.label", (Key("lower(s.label)"), Key("s.scanner"))),
    Column("description", "Description", "d.description", (Key("coalesce(d.description, '')"),), on_request=True),
    Column("solution", "Solution", "d.solution", (Key("coalesce(d.solution, '')"),), on_request=True),
    Column(
        "evidence",
        "Evidence",
        "(SELECT text FROM evidence WHERE id = f.evidence_id)",
        (Key("coalesce(f.evidence_id, 0)"),),
        on_request=True,
    ),
)
COLUMNS = {column.name: column for column in _COLUMNS}
