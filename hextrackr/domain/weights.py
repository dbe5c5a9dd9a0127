"""Keeps what weighs on assets and definitions: adds what an import opened, takes off what it resolved."""

from __future__ import annotations

from sqlalchemy import Connection, text

from hextrackr.db.dialects import rounded

from .id_range import ADDED
from .models import Severity

_NAMES = {severity.value: severity.name.lower() for severity in Severity}
#: Open findings that came (+1) and went (-1) with an import. What it opened is as it left it, for nothing later has been promoted.
_MOVED = f"""
    SELECT asset_id, definition_id, severity, vpr, 1 AS sign FROM findings
    WHERE {ADDED} AND lifecycle <> 'resolved'
    UNION ALL
    SELECT f.asset_id, f.definition_id, c.severity, c.vpr, 1
    FROM finding_changes c JOIN findings f ON f.id = c.finding_id WHERE c.import_id = :import_id AND c.kind <> 'resolved'
    UNION ALL
    SELECT f.asset_id, f.definition_id, c.severity_before, c.vpr_before, -1
    FROM finding_changes c JOIN findings f ON f.id = c.finding_id
    WHERE c.import_id = :import_id AND c.lifecycle_before <> 'resolved'
"""
_COUNTS = ", ".join(
    f"coalesce(sum(sign) FILTER (WHERE severity = {value}), 0) * :sign" for value in sorted(_NAMES, reverse=True)
)
_COLUMNS = ", ".join(_NAMES[value] for value in sorted(_NAMES, reverse=True))
_ADD = """
    INSERT INTO {table} ({column}, {columns}, vpr_sum)
    SELECT {column}, {counts}, {moved_vpr} FROM ({moved}) AS moved WHERE 1 = 1 GROUP BY {column}
    ON CONFLICT ({column}) DO UPDATE SET {sums}, vpr_sum = {vpr_sum}
"""
#: A source that had nothing on record has what its file holds open.
_FIRST = f"""
    INSERT INTO {{subject}}_weights ({{subject}}_id, {_COLUMNS}, vpr_sum)
    SELECT {{subject}}_id, {_COLUMNS}, vpr_sum FROM staging_{{subject}}s
    WHERE import_id = :import_id AND {" + ".join(_NAMES.values())} > 0
"""
_DROP = "DELETE FROM {table} WHERE " + " AND ".join(f"{name} = 0" for name in _NAMES.values())
_SUBJECTS = ("asset", "definition")


def add(connection: Connection, import_id: int, *, all_new: bool) -> None:
    """Take into account what an import changed, once its changes are written.

    :param all_new: its source had no findings before.
    """
    if not all_new:
        _move(connection, import_id, 1)
        return
    for subject in _SUBJECTS:
        connection.execute(text(_FIRST.format(subject=subject)), {"import_id": import_id})


def take_back(connection: Connection, import_id: int) -> None:
    """Take off what the latest import of its source changed, before its changes are undone."""
    _move(connection, import_id, -1)


def _move(connection: Connection, import_id: int, sign: int) -> None:
    parameters = {"import_id": import_id, "sign": sign}
    for subject in _SUBJECTS:
        table, column = f"{subject}_weights", f"{subject}_id"
        sums = ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in _NAMES.values())
        add = _ADD.format(
            table=table,
            column=column,
            columns=_COLUMNS,
            counts=_COUNTS,
            moved=_MOVED,
            sums=sums,
            moved_vpr=rounded(connection, "coalesce(sum(sign * vpr), 0) * :sign", 2),
            vpr_sum=rounded(connection, f"{table}.vpr_sum + excluded.vpr_sum", 2),
        )
        connection.execute(text(add), parameters)
        connection.execute(text(_DROP.format(table=table)))
