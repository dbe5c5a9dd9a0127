"""Finds which staged host is which asset on record, and keeps what assets are known by. The rule:

1. the same id: the same host, whatever else has moved;
2. else the same name, if it names one host on each side;
3. else the same address, unless both sides have ids, or names, and these differ: then the address went to another machine.

Where only one side knows a realm (a repository, a network), names and addresses are compared without it, after all others. A staged host
that fits several assets equally well is linked to all of them, as is one that has nothing but a name which several assets have: a file that
cannot tell them apart resolves nothing of any. The first of them takes its values. Staged hosts without ids that fit one asset, each with
an address of it or without any, are one host: the record knows more than the file.

Within one transaction; the temporary table ``host_links`` holds the links.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, text

from hextrackr.db.dialects import first_label

from . import undo
from .staged import OBSERVED

_LINKS = """
    CREATE TEMPORARY TABLE host_links (
        number INTEGER NOT NULL, asset_id INTEGER NOT NULL PRIMARY KEY, is_first BOOLEAN NOT NULL DEFAULT FALSE)
"""
#: Pairs of a staged host and an asset that a step has found, and whether they have an address in common.
_FOUND = """
    CREATE TEMPORARY TABLE found_links AS
    SELECT DISTINCT number, asset_id,
           CASE WHEN EXISTS (
               SELECT 1 FROM staging_identifiers i JOIN asset_identifiers k ON k.source_id = :source_id AND k.kind = 'address'
                                                                           AND k.value = i.value AND k.asset_id = found.asset_id
               WHERE i.import_id = :import_id AND i.number = found.number AND i.kind = 'address') THEN 0 ELSE 1 END AS elsewhere
    FROM ({found}) AS found
    WHERE NOT EXISTS (SELECT 1 FROM host_links l WHERE l.number = found.number)
      AND NOT EXISTS (SELECT 1 FROM host_links l WHERE l.asset_id = found.asset_id)
"""
#: An asset is one host: of several that fit it the one with its address, then the first.
_TAKE = """
    INSERT INTO host_links (number, asset_id)
    SELECT number, asset_id FROM (
        SELECT number, asset_id, row_number() OVER (PARTITION BY asset_id ORDER BY elsewhere, number) AS place FROM found_links
    ) AS ranked WHERE place = 1
"""
#: Of the others that fit it, and no asset of their own, those without an id that have an address of it, or nothing but names.
_ONE_HOST = """
    CREATE TEMPORARY TABLE one_host AS
    SELECT f.number, min(l.number) AS one FROM found_links f JOIN host_links l ON l.asset_id = f.asset_id
    WHERE NOT EXISTS (SELECT 1 FROM host_links o WHERE o.number = f.number)
      AND NOT EXISTS (SELECT 1 FROM staging_identifiers i WHERE i.import_id = :import_id AND i.number = f.number
                                                            AND (i.kind = 'id' OR (i.kind = 'address' AND f.elsewhere = 1)))
    GROUP BY f.number
"""
#: Findings that the file then names twice: of each the row stays that says most, that it is there before that it is not.
_NAMED_TWICE = f"""
    CREATE TEMPORARY TABLE named_twice AS
    SELECT number, observation_number, state FROM (
        SELECT s.number, s.observation_number, o.state, row_number() OVER (
                   PARTITION BY s.asset_number, s.definition_number, s.port, o.protocol
                   ORDER BY CASE WHEN o.state > 0 THEN 0 ELSE 1 END, o.state DESC, s.number) AS place
        FROM {OBSERVED} WHERE s.import_id = :import_id AND s.asset_number IN (SELECT one FROM one_host)) AS ranked
    WHERE place > 1
"""
_BECOME_ONE = (
    """
    INSERT INTO staging_identifiers (import_id, number, kind, realm, value)
    SELECT DISTINCT i.import_id, h.one, i.kind, i.realm, i.value
    FROM one_host h JOIN staging_identifiers i ON i.import_id = :import_id AND i.number = h.number WHERE 1 = 1
    ON CONFLICT DO NOTHING
    """,
    "DELETE FROM staging_identifiers WHERE import_id = :import_id AND number IN (SELECT number FROM one_host)",
    "DELETE FROM staging_details WHERE import_id = :import_id AND level = 0 AND number IN (SELECT number FROM one_host)",
    "DELETE FROM staging_assets WHERE import_id = :import_id AND number IN (SELECT number FROM one_host)",
    *(
        f"""
        UPDATE {table} SET asset_number = h.one FROM one_host h
        WHERE {table}.import_id = :import_id AND {table}.asset_number = h.number
        """
        for table in ("staging_findings", "staging_unchecked")
    ),
    _NAMED_TWICE,
    "DELETE FROM staging_findings WHERE import_id = :import_id AND number IN (SELECT number FROM named_twice)",
    """
    UPDATE staging_observations SET findings = findings - t.count
    FROM (SELECT observation_number, count(*) AS count FROM named_twice GROUP BY observation_number) AS t
    WHERE staging_observations.import_id = :import_id AND staging_observations.number = t.observation_number
    """,
    """
    UPDATE imports SET merged = merged + t.count, staged = staged - t.count, open_staged = open_staged - t.open
    FROM (SELECT count(*) AS count, count(*) FILTER (WHERE state > 0) AS open FROM named_twice) AS t WHERE imports.id = :import_id
    """,
    "DROP TABLE named_twice",
)
_SAME_ID = """
    SELECT i.number, k.asset_id FROM staging_identifiers i
    JOIN asset_identifiers k ON k.source_id = :source_id AND k.kind = 'id' AND k.value = i.value
    WHERE i.import_id = :import_id AND i.kind = 'id'
"""
#: ``{realm}`` is what a value is compared within, ``{comparable}`` when those of ``i`` and ``k`` are.
_SAME_NAME = """
    SELECT mine.number, theirs.asset_id
    FROM (SELECT value, {realm} AS realm, max(has_realm) AS has_realm, min(number) AS number
          FROM (SELECT value, realm, CASE realm WHEN '' THEN 0 ELSE 1 END AS has_realm, number
                FROM staging_identifiers WHERE import_id = :import_id AND kind = 'name') AS i
          GROUP BY 1, 2 HAVING count(DISTINCT number) = 1) AS mine
    JOIN (SELECT value, {realm} AS realm, max(has_realm) AS has_realm, min(asset_id) AS asset_id
          FROM (SELECT value, realm, CASE realm WHEN '' THEN 0 ELSE 1 END AS has_realm, asset_id
                FROM asset_identifiers WHERE source_id = :source_id AND kind = 'name') AS k
          GROUP BY 1, 2 HAVING count(DISTINCT asset_id) = 1) AS theirs
      ON theirs.value = mine.value AND theirs.realm = mine.realm
    WHERE {comparable}
"""
_SAME_ADDRESS = """
    SELECT i.number, k.asset_id FROM staging_identifiers i
    JOIN asset_identifiers k ON k.source_id = :source_id AND k.kind = 'address' AND k.value = i.value AND {comparable}
    WHERE i.import_id = :import_id AND i.kind = 'address' AND NOT ({ids_differ}) AND NOT ({names_differ})
"""
#: Hosts of which the file tells nothing but names.
_ANY_OF_THE_NAME = """
    SELECT i.number, k.asset_id FROM staging_identifiers i
    JOIN asset_identifiers k ON k.source_id = :source_id AND k.kind = 'name' AND k.value = i.value
                            AND (k.realm = i.realm OR k.realm = '' OR i.realm = '')
    WHERE i.import_id = :import_id AND i.kind = 'name' AND NOT EXISTS (
        SELECT 1 FROM staging_identifiers x WHERE x.import_id = :import_id AND x.number = i.number AND x.kind <> 'name')
"""
_HAS = """
    EXISTS (SELECT 1 FROM staging_identifiers x WHERE x.import_id = :import_id AND x.number = i.number AND x.kind = '{kind}')
    AND EXISTS (SELECT 1 FROM asset_identifiers y WHERE y.asset_id = k.asset_id AND y.kind = '{kind}')
"""
_SHARES = """
    EXISTS (SELECT 1 FROM staging_identifiers x
            JOIN asset_identifiers y ON y.asset_id = k.asset_id AND y.kind = x.kind AND {alike}
            WHERE x.import_id = :import_id AND x.number = i.number AND x.kind = '{kind}')
"""
#: A host that was on record twice before there were identifiers, by name and by address.
_INHERITED_TWICE = """
    SELECT min(i.number) AS number, k.asset_id
    FROM asset_identifiers k
    JOIN staging_identifiers i ON i.import_id = :import_id AND i.kind = k.kind AND i.value = k.value
    WHERE k.source_id = :source_id AND k.inherited
    GROUP BY k.asset_id
    HAVING count(DISTINCT i.number) = 1 AND count(DISTINCT k.kind || k.value) =
        (SELECT count(*) FROM asset_identifiers o WHERE o.asset_id = k.asset_id)
"""
_TAKE_AS_WELL = """
    INSERT INTO host_links (number, asset_id)
    SELECT number, asset_id FROM ({found}) AS found
    WHERE NOT EXISTS (SELECT 1 FROM host_links l WHERE l.asset_id = found.asset_id)
      AND EXISTS (SELECT 1 FROM host_links l WHERE l.number = found.number)
"""
#: Of several assets the one with open findings comes first.
_FIRST = """
    UPDATE host_links SET is_first = TRUE WHERE asset_id IN (
        SELECT asset_id FROM (
            SELECT l.asset_id, row_number() OVER (
                PARTITION BY l.number ORDER BY CASE WHEN w.asset_id IS NULL THEN 1 ELSE 0 END, l.asset_id) AS place
            FROM host_links l LEFT JOIN asset_weights w ON w.asset_id = l.asset_id) AS ranked
        WHERE place = 1)
"""
_NOTE = """
    UPDATE staging_assets SET asset_id = (SELECT l.asset_id FROM host_links l WHERE l.number = staging_assets.number AND l.is_first)
    WHERE import_id = :import_id
"""
#: What the assets in the file are known by from now on: names add up, ids and addresses are those of the newest file that has any.
_ADDED = """
    CREATE TEMPORARY TABLE added_identifiers AS
    SELECT i.kind, i.value, i.realm, l.asset_id
    FROM host_links l JOIN staging_identifiers i ON i.import_id = :import_id AND i.number = l.number
    WHERE NOT EXISTS (SELECT 1 FROM asset_identifiers k WHERE k.source_id = :source_id AND k.kind = i.kind AND k.value = i.value
                                                         AND k.realm = i.realm AND k.asset_id = l.asset_id)
"""
_GONE = """
    CREATE TEMPORARY TABLE gone_identifiers AS
    SELECT k.kind, k.value, k.realm, k.asset_id, k.inherited
    FROM host_links l JOIN asset_identifiers k ON k.asset_id = l.asset_id
    WHERE EXISTS (SELECT 1 FROM staging_identifiers i WHERE i.import_id = :import_id AND i.number = l.number AND i.kind = k.kind)
      AND NOT EXISTS (SELECT 1 FROM staging_identifiers i WHERE i.import_id = :import_id AND i.number = l.number AND i.kind = k.kind
                                                           AND i.value = k.value AND i.realm = k.realm)
      AND (k.kind <> 'name' OR (k.value, k.realm) IN (SELECT value, realm FROM staging_identifiers
                                                      WHERE import_id = :import_id AND kind = 'name'))
    UNION
    SELECT k.kind, k.value, k.realm, k.asset_id, k.inherited
    FROM staging_identifiers i
    JOIN asset_identifiers k ON k.source_id = :source_id AND k.kind = i.kind AND k.value = i.value AND k.realm = i.realm
    WHERE i.import_id = :import_id AND i.kind = 'address' AND NOT EXISTS (SELECT 1 FROM host_links l WHERE l.asset_id = k.asset_id)
"""
_DELETE = """
    DELETE FROM asset_identifiers WHERE source_id = :source_id
       AND (kind, value, realm, asset_id) IN (SELECT kind, value, realm, asset_id FROM gone_identifiers)
"""
_INSERT = """
    INSERT INTO asset_identifiers (source_id, kind, value, realm, asset_id, inherited)
    SELECT :source_id, kind, value, realm, asset_id, FALSE FROM added_identifiers
"""
_OF_NEW = """
    INSERT INTO asset_identifiers (source_id, kind, value, realm, asset_id, inherited)
    SELECT :source_id, i.kind, i.value, i.realm, a.asset_id, FALSE
    FROM staging_assets a JOIN staging_identifiers i ON i.import_id = a.import_id AND i.number = a.number
    WHERE a.import_id = :import_id AND a.asset_id > :newest ORDER BY i.kind, i.value, i.realm, a.asset_id
"""
_HAS_REALMS = """
    SELECT EXISTS (SELECT 1 FROM staging_identifiers WHERE import_id = :import_id AND realm <> '')
        OR EXISTS (SELECT 1 FROM asset_identifiers WHERE source_id = :source_id AND realm <> '')
"""


def link(connection: Connection, import_id: int, source_id: int) -> None:
    """Fill ``host_links``, and note at each staged host the asset that comes first, if it is on record."""
    ids = {"import_id": import_id, "source_id": source_id}
    drop(connection)
    connection.execute(text(_LINKS))
    connection.execute(text("CREATE INDEX host_links_number ON host_links (number)"))
    if not connection.execute(
        text("SELECT EXISTS (SELECT 1 FROM assets WHERE source_id = :source_id)"), ids
    ).scalar_one():
        return
    _take(connection, _SAME_ID, ids)
    exactly, loosely = "k.realm = i.realm", "(k.realm = '' OR i.realm = '')"
    _take(connection, _SAME_NAME.format(realm="realm", comparable="1 = 1"), ids)
    _take(connection, _same_address(connection, exactly), ids)
    if connection.execute(text(_HAS_REALMS), ids).scalar_one():
        _take(connection, _SAME_NAME.format(realm="''", comparable="mine.has_realm + theirs.has_realm < 2"), ids)
        _take(connection, _same_address(connection, loosely), ids)
    _take(connection, _ANY_OF_THE_NAME, ids)
    connection.execute(text(_TAKE_AS_WELL.format(found=_INHERITED_TWICE)), ids)
    connection.execute(text(_FIRST))
    connection.execute(text(_NOTE), ids)


def keep(connection: Connection, import_id: int, source_id: int, newest: int) -> None:
    """Bring the identifiers of the linked assets up to date, and add those of new ones, whose ids are above ``newest``."""
    ids = {"import_id": import_id, "source_id": source_id, "newest": newest}
    for step in (_ADDED, _GONE):
        connection.execute(text(step), ids)
    undo.keep_identifiers(connection, import_id)
    for step in (_DELETE, _INSERT, _OF_NEW, "DROP TABLE added_identifiers", "DROP TABLE gone_identifiers"):
        connection.execute(text(step), ids)


def keep_of_new(connection: Connection, import_id: int, source_id: int, newest: int) -> None:
    """Add the identifiers of new assets alone: an older scan does not tell what others are known by now."""
    connection.execute(text(_OF_NEW), {"import_id": import_id, "source_id": source_id, "newest": newest})


def drop(connection: Connection) -> None:
    """Remove the temporary tables, if they are there."""
    for table in ("host_links", "found_links", "one_host", "named_twice", "added_identifiers", "gone_identifiers"):
        connection.execute(text(f"DROP TABLE IF EXISTS {table}"))


def _take(connection: Connection, found: str, ids: dict[str, Any]) -> None:
    for step in (_FOUND.format(found=found), _TAKE, _ONE_HOST):
        connection.execute(text(step), ids)
    if connection.execute(text("SELECT EXISTS (SELECT 1 FROM one_host)")).scalar_one():
        for step in _BECOME_ONE:
            connection.execute(text(step), ids)
    for table in ("found_links", "one_host"):
        connection.execute(text(f"DROP TABLE {table}"))


def _same_address(connection: Connection, comparable: str) -> str:
    short_x, short_y = first_label(connection, "x.value"), first_label(connection, "y.value")
    # A name without its domain is the same name as with it.
    alike = f"(y.value = x.value OR y.value = {short_x} OR x.value = {short_y})"
    ids_differ = f"{_HAS.format(kind='id')} AND NOT {_SHARES.format(kind='id', alike='y.value = x.value')}"
    names_differ = f"{_HAS.format(kind='name')} AND NOT {_SHARES.format(kind='name', alike=alike)}"
    return _SAME_ADDRESS.format(comparable=comparable, ids_differ=ids_differ, names_differ=names_differ)
