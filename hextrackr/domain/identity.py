"""Match staged hosts with assets on record, and update the identifiers of assets. The rule:

1. the same id: the same host, whatever else has moved;
2. else the same name, if it names one host on each side;
3. else the same address, unless both sides have ids, or names, and these differ: then the address belongs to another machine now.

If only one side has a realm (a repository, a network), names and addresses are compared without it, after all others. A staged host that
matches several assets equally well is linked to all of them, as is one that has only a name which several assets have: a file that does not
distinguish them resolves no finding of any. The first of them gets its values. Staged hosts without ids that match one asset, each with one
of its addresses or without any, are one host: the record has more information than the file.

Within one transaction; the temporary table ``host_links`` holds the links, and ``same_hosts`` which staged hosts became one.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, text

from hextrackr.db.dialects import first_label

from . import undo
from .staged import OBSERVED


def link(connection: Connection, import_id: int, source_id: int) -> None:
    """Fill ``host_links``, and store the first asset of each staged host in its row, if there is one."""
    ids = {"import_id": import_id, "source_id": source_id}
    drop(connection)
    connection.execute(
        text("""
        CREATE TEMPORARY TABLE host_links (
            number INTEGER NOT NULL, asset_id INTEGER NOT NULL PRIMARY KEY, is_first BOOLEAN NOT NULL DEFAULT FALSE)
        """)
    )
    connection.execute(text("CREATE INDEX ix_host_links_number ON host_links (number)"))
    connection.execute(text("CREATE TEMPORARY TABLE same_hosts (number INTEGER NOT NULL, one INTEGER NOT NULL)"))
    on_record = "SELECT EXISTS (SELECT 1 FROM assets WHERE source_id = :source_id)"
    if not connection.execute(text(on_record), ids).scalar_one():
        return
    _take(connection, ids, _same_id())
    _take(connection, ids, _same_name(realm="realm", comparable="1 = 1"))
    _take(connection, ids, _same_address(connection, comparable="k.realm = i.realm"))
    if _knows_realms(connection, ids):
        _take(connection, ids, _same_name(realm="''", comparable="mine.has_realm + theirs.has_realm < 2"))
        _take(connection, ids, _same_address(connection, comparable="(k.realm = '' OR i.realm = '')"))
    _take(connection, ids, _any_of_the_name())
    _link_duplicates(connection, ids)
    _choose_first(connection, ids)


# The rules: each is SQL that finds pairs of a staged host and an asset


def _same_id() -> str:
    return """
        SELECT i.number, k.asset_id FROM staging_identifiers i
        JOIN asset_identifiers k ON k.source_id = :source_id AND k.kind = 'id' AND k.value = i.value
        WHERE i.import_id = :import_id AND i.kind = 'id'
    """


def _same_name(*, realm: str, comparable: str) -> str:
    """The same name, if it names one host on each side.

    :param realm: SQL: the realm within which names are compared.
    :param comparable: SQL: the condition under which the two may be compared.
    """
    return f"""
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


def _same_address(connection: Connection, *, comparable: str) -> str:
    """The same address, unless both sides have ids, or names, and these differ. A name without its domain equals the name with it."""
    short_x, short_y = first_label(connection, "x.value"), first_label(connection, "y.value")
    same_name = f"(y.value = x.value OR y.value = {short_x} OR x.value = {short_y})"
    return f"""
        SELECT i.number, k.asset_id FROM staging_identifiers i
        JOIN asset_identifiers k ON k.source_id = :source_id AND k.kind = 'address' AND k.value = i.value AND {comparable}
        WHERE i.import_id = :import_id AND i.kind = 'address'
          AND NOT {_differ("id", "y.value = x.value")} AND NOT {_differ("name", same_name)}
    """


def _differ(kind: str, same: str) -> str:
    """SQL: both the staged host of ``i`` and the asset of ``k`` have identifiers of a kind, and share none.

    :param same: the condition that an identifier of the staged host (``x``) equals one of the asset (``y``).
    """
    return f"""
        (EXISTS (SELECT 1 FROM staging_identifiers x WHERE x.import_id = :import_id AND x.number = i.number AND x.kind = '{kind}')
         AND EXISTS (SELECT 1 FROM asset_identifiers y WHERE y.asset_id = k.asset_id AND y.kind = '{kind}')
         AND NOT EXISTS (
             SELECT 1 FROM staging_identifiers x
             JOIN asset_identifiers y ON y.asset_id = k.asset_id AND y.kind = x.kind AND {same}
             WHERE x.import_id = :import_id AND x.number = i.number AND x.kind = '{kind}'))
    """


def _any_of_the_name() -> str:
    """The same name as any asset, for hosts of which the file has only names."""
    return """
        SELECT i.number, k.asset_id FROM staging_identifiers i
        JOIN asset_identifiers k ON k.source_id = :source_id AND k.kind = 'name' AND k.value = i.value
                                AND (k.realm = i.realm OR k.realm = '' OR i.realm = '')
        WHERE i.import_id = :import_id AND i.kind = 'name' AND NOT EXISTS (
            SELECT 1 FROM staging_identifiers x WHERE x.import_id = :import_id AND x.number = i.number AND x.kind <> 'name')
    """


def _knows_realms(connection: Connection, ids: dict[str, Any]) -> bool:
    exists = """
        SELECT EXISTS (SELECT 1 FROM staging_identifiers WHERE import_id = :import_id AND realm <> '')
            OR EXISTS (SELECT 1 FROM asset_identifiers WHERE source_id = :source_id AND realm <> '')
    """
    return bool(connection.execute(text(exists), ids).scalar_one())


# What is done with the pairs


def _take(connection: Connection, ids: dict[str, Any], pairs: str) -> None:
    """Link the pairs of which neither side is linked yet.

    An asset is one host: of several that match, the one with its address, else the first. Other hosts that match only this asset are merged
    with that one, if they have no id, and one of its addresses or only names.
    """
    for step in (
        f"""
        CREATE TEMPORARY TABLE found_links AS
        SELECT DISTINCT number, asset_id,
               CASE WHEN EXISTS (
                   SELECT 1 FROM staging_identifiers i JOIN asset_identifiers k ON k.source_id = :source_id AND k.kind = 'address'
                                                                               AND k.value = i.value AND k.asset_id = pairs.asset_id
                   WHERE i.import_id = :import_id AND i.number = pairs.number AND i.kind = 'address') THEN 0 ELSE 1 END AS elsewhere
        FROM ({pairs}) AS pairs
        WHERE NOT EXISTS (SELECT 1 FROM host_links l WHERE l.number = pairs.number)
          AND NOT EXISTS (SELECT 1 FROM host_links l WHERE l.asset_id = pairs.asset_id)
        """,
        """
        INSERT INTO host_links (number, asset_id)
        SELECT number, asset_id FROM (
            SELECT number, asset_id, row_number() OVER (PARTITION BY asset_id ORDER BY elsewhere, number) AS place FROM found_links
        ) AS ranked WHERE place = 1
        """,
        """
        CREATE TEMPORARY TABLE one_host AS
        SELECT f.number, min(l.number) AS one FROM found_links f JOIN host_links l ON l.asset_id = f.asset_id
        WHERE NOT EXISTS (SELECT 1 FROM host_links o WHERE o.number = f.number)
          AND NOT EXISTS (SELECT 1 FROM staging_identifiers i WHERE i.import_id = :import_id AND i.number = f.number
                                                                AND (i.kind = 'id' OR (i.kind = 'address' AND f.elsewhere = 1)))
        GROUP BY f.number
        """,
    ):
        connection.execute(text(step), ids)
    if connection.execute(text("SELECT EXISTS (SELECT 1 FROM one_host)")).scalar_one():
        _merge_staged_hosts(connection, ids)
    for table in ("found_links", "one_host"):
        connection.execute(text(f"DROP TABLE {table}"))


def _merge_staged_hosts(connection: Connection, ids: dict[str, Any]) -> None:
    """Merge the hosts in ``one_host`` in staging.

    If a finding is then staged twice, one row is kept, preferably one that reports it as open.
    """
    for step in (
        "INSERT INTO same_hosts (number, one) SELECT number, one FROM one_host",
        """
        INSERT INTO staging_identifiers (import_id, number, kind, realm, value)
        SELECT DISTINCT i.import_id, h.one, i.kind, i.realm, i.value
        FROM one_host h JOIN staging_identifiers i ON i.import_id = :import_id AND i.number = h.number WHERE 1 = 1
        ON CONFLICT DO NOTHING
        """,
        "DELETE FROM staging_identifiers WHERE import_id = :import_id AND number IN (SELECT number FROM one_host)",
        "DELETE FROM staging_details WHERE import_id = :import_id AND level = 0 AND number IN (SELECT number FROM one_host)",
        "DELETE FROM staging_assets WHERE import_id = :import_id AND number IN (SELECT number FROM one_host)",
        """
        UPDATE staging_findings SET asset_number = h.one FROM one_host h
        WHERE staging_findings.import_id = :import_id AND staging_findings.asset_number = h.number
        """,
        """
        UPDATE staging_unchecked SET asset_number = h.one FROM one_host h
        WHERE staging_unchecked.import_id = :import_id AND staging_unchecked.asset_number = h.number
        """,
        f"""
        CREATE TEMPORARY TABLE named_twice AS
        SELECT number, observation_number, state FROM (
            SELECT s.number, s.observation_number, o.state, row_number() OVER (
                       PARTITION BY s.asset_number, s.definition_number, s.port, o.protocol
                       ORDER BY CASE WHEN o.state > 0 THEN 0 ELSE 1 END, o.state DESC, s.number) AS place
            FROM {OBSERVED} WHERE s.import_id = :import_id AND s.asset_number IN (SELECT one FROM one_host)) AS ranked
        WHERE place > 1
        """,
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
    ):
        connection.execute(text(step), ids)


def _link_duplicates(connection: Connection, ids: dict[str, Any]) -> None:
    """Also link duplicate assets of versions before there were identifiers, by name and by address, that are one host in the file."""
    connection.execute(
        text("""
        INSERT INTO host_links (number, asset_id)
        SELECT number, asset_id FROM (
            SELECT min(i.number) AS number, k.asset_id
            FROM asset_identifiers k
            JOIN staging_identifiers i ON i.import_id = :import_id AND i.kind = k.kind AND i.value = k.value
            WHERE k.source_id = :source_id AND k.inherited
            GROUP BY k.asset_id
            HAVING count(DISTINCT i.number) = 1 AND count(DISTINCT k.kind || k.value) =
                (SELECT count(*) FROM asset_identifiers o WHERE o.asset_id = k.asset_id)
        ) AS pairs
        WHERE NOT EXISTS (SELECT 1 FROM host_links l WHERE l.asset_id = pairs.asset_id)
          AND EXISTS (SELECT 1 FROM host_links l WHERE l.number = pairs.number)
        """),
        ids,
    )


def _choose_first(connection: Connection, ids: dict[str, Any]) -> None:
    """Choose the first asset of each staged host, preferably one with open findings, and store it in the host's row."""
    for step in (
        """
        UPDATE host_links SET is_first = TRUE WHERE asset_id IN (
            SELECT asset_id FROM (
                SELECT l.asset_id, row_number() OVER (
                    PARTITION BY l.number ORDER BY CASE WHEN w.asset_id IS NULL THEN 1 ELSE 0 END, l.asset_id) AS place
                FROM host_links l LEFT JOIN asset_weights w ON w.asset_id = l.asset_id) AS ranked
            WHERE place = 1)
        """,
        """
        UPDATE staging_assets SET asset_id = (SELECT l.asset_id FROM host_links l WHERE l.number = staging_assets.number AND l.is_first)
        WHERE import_id = :import_id
        """,
    ):
        connection.execute(text(step), ids)


# The identifiers of assets from now on


def update(connection: Connection, import_id: int, source_id: int, newest: int) -> None:
    """Update the identifiers of the linked assets, and add those of new ones, whose ids are above ``newest``.

    Names accumulate; ids and addresses are those of the newest file that has any. An address that belongs to another host now is removed
    from an asset that is not in the file, as is a name that belongs to another host now.
    """
    ids = {"import_id": import_id, "source_id": source_id}
    for step in (
        """
        CREATE TEMPORARY TABLE added_identifiers AS
        SELECT i.kind, i.value, i.realm, l.asset_id
        FROM host_links l JOIN staging_identifiers i ON i.import_id = :import_id AND i.number = l.number
        WHERE NOT EXISTS (SELECT 1 FROM asset_identifiers k WHERE k.source_id = :source_id AND k.kind = i.kind AND k.value = i.value
                                                             AND k.realm = i.realm AND k.asset_id = l.asset_id)
        """,
        """
        CREATE TEMPORARY TABLE gone_identifiers AS
        SELECT k.kind, k.value, k.realm, k.asset_id, k.inherited
        FROM host_links l JOIN asset_identifiers k ON k.asset_id = l.asset_id
        WHERE EXISTS (SELECT 1 FROM staging_identifiers i WHERE i.import_id = :import_id AND i.number = l.number AND i.kind = k.kind)
          AND NOT EXISTS (SELECT 1 FROM staging_identifiers i WHERE i.import_id = :import_id AND i.number = l.number AND i.kind = k.kind
                                                               AND i.value = k.value AND i.realm = k.realm)
          AND (k.kind <> 'name' OR (k.value, k.realm) IN (
              SELECT i.value, i.realm FROM staging_identifiers i WHERE i.import_id = :import_id AND i.kind = 'name'))
        UNION
        SELECT k.kind, k.value, k.realm, k.asset_id, k.inherited
        FROM staging_identifiers i
        JOIN asset_identifiers k ON k.source_id = :source_id AND k.kind = i.kind AND k.value = i.value AND k.realm = i.realm
        WHERE i.import_id = :import_id AND i.kind = 'address' AND NOT EXISTS (SELECT 1 FROM host_links l WHERE l.asset_id = k.asset_id)
        """,
    ):
        connection.execute(text(step), ids)
    undo.keep_identifiers(connection, import_id)
    for step in (
        """
        DELETE FROM asset_identifiers WHERE source_id = :source_id
           AND (kind, value, realm, asset_id) IN (SELECT kind, value, realm, asset_id FROM gone_identifiers)
        """,
        """
        INSERT INTO asset_identifiers (source_id, kind, value, realm, asset_id, inherited)
        SELECT :source_id, kind, value, realm, asset_id, FALSE FROM added_identifiers
        """,
        "DROP TABLE added_identifiers",
        "DROP TABLE gone_identifiers",
    ):
        connection.execute(text(step), ids)
    add_of_new(connection, import_id, source_id, newest)


def add_of_new(connection: Connection, import_id: int, source_id: int, newest: int) -> None:
    """Add the identifiers of new assets only, as a backdated scan does not have the current identifiers of others."""
    connection.execute(
        text("""
        INSERT INTO asset_identifiers (source_id, kind, value, realm, asset_id, inherited)
        SELECT :source_id, i.kind, i.value, i.realm, a.asset_id, FALSE
        FROM staging_assets a JOIN staging_identifiers i ON i.import_id = a.import_id AND i.number = a.number
        WHERE a.import_id = :import_id AND a.asset_id > :newest ORDER BY i.kind, i.value, i.realm, a.asset_id
        """),
        {"import_id": import_id, "source_id": source_id, "newest": newest},
    )


def drop(connection: Connection) -> None:
    """Remove the temporary tables, if they are there."""
    for table in (
        "host_links", "same_hosts", "found_links", "one_host", "named_twice", "added_identifiers", "gone_identifiers",
    ):  # fmt: skip
        connection.execute(text(f"DROP TABLE IF EXISTS {table}"))
