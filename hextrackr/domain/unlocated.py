"""Findings that a file without ports, or without protocols, has put on record: the first file that names them says where they are.

The temporary table ``located`` holds such findings, each with the staged one that it is taken for: of those of its host and definition
that are nowhere else on record the first, an open one before one that is not. Its port and protocol go into the record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection, text

from hextrackr.db.dialects import analyse

from .staged_sql import OBSERVED

if TYPE_CHECKING:
    from .lifecycle import Places

#: Ports and protocols before there were any.
NO_PORT, NO_PROTOCOL = "f.port = 0", "f.protocol = ''"

_LOCATED = """
    CREATE TEMPORARY TABLE located (finding_id INTEGER PRIMARY KEY, number INTEGER NOT NULL, port INTEGER NOT NULL, protocol TEXT NOT NULL)
"""
_BY_FINDING = "CREATE INDEX ix_matched_finding_id ON matched (finding_id)"
_FIND = f"""
    INSERT INTO located (finding_id, number, port, protocol)
    SELECT finding_id, number, port, protocol FROM (
        SELECT *, row_number() OVER (PARTITION BY number ORDER BY finding_id) AS of_number FROM (
            SELECT f.id AS finding_id, s.number, {{port}} AS port, {{protocol}} AS protocol,
                   row_number() OVER (PARTITION BY f.id ORDER BY CASE WHEN o.state > 0 THEN 0 ELSE 1 END, s.number) AS of_finding
            FROM {OBSERVED}
            JOIN staging_definitions d ON d.import_id = s.import_id AND d.number = s.definition_number
            JOIN host_links l ON l.number = s.asset_number
            JOIN findings f ON f.asset_id = l.asset_id AND f.definition_id = d.definition_id AND ({{nowhere}}) {{same}}
            WHERE s.import_id = :import_id
              AND NOT EXISTS (SELECT 1 FROM matched m WHERE m.finding_id = f.id)
              AND NOT EXISTS (SELECT 1 FROM matched m WHERE m.number = s.number AND m.finding_id IS NOT NULL)
        ) AS ranked WHERE of_finding = 1
    ) AS once WHERE of_number = 1
"""
_MATCH_NO_MORE = "DELETE FROM matched WHERE number IN (SELECT number FROM located)"
_TAKE_OVER = """
    UPDATE findings SET port = t.port, protocol = t.protocol FROM located t WHERE t.finding_id = findings.id
"""


def find(connection: Connection, import_id: int, places: Places) -> bool:
    """Fill ``located``, and take what is in it out of ``matched``; whether there is anything."""
    drop(connection)
    connection.execute(text(_LOCATED))
    port_is_new, protocol_is_new = places.ports and places.no_ports, places.protocols and places.no_protocols
    if not port_is_new and not protocol_is_new:
        return False
    nowhere = " OR ".join([NO_PORT] * port_is_new + [NO_PROTOCOL] * protocol_is_new)
    same = [f"AND (f.port = s.port{f' OR {NO_PORT}' if port_is_new else ''})"] * places.ports
    same += [f"AND (f.protocol = o.protocol{f' OR {NO_PROTOCOL}' if protocol_is_new else ''})"] * places.protocols
    found = _FIND.format(
        port="s.port" if places.ports else "f.port",
        protocol="o.protocol" if places.protocols else "f.protocol",
        nowhere=nowhere,
        same=" ".join(same),
    )
    analyse(connection, "matched")
    for step in (_BY_FINDING, found, _MATCH_NO_MORE):
        connection.execute(text(step), {"import_id": import_id} if step is found else {})
    return bool(connection.execute(text("SELECT count(*) FROM located")).scalar_one())


def take_over(connection: Connection) -> None:
    """Let the findings in ``located`` be where the file says."""
    connection.execute(text(_TAKE_OVER))


def drop(connection: Connection) -> None:
    """Remove the temporary table, if it is there."""
    connection.execute(text("DROP TABLE IF EXISTS located"))
