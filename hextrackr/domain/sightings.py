"""Keeps when findings were seen last: moves the days of sightings on, and lets findings refer to other ones.

Where a scan has seen most findings of a sighting again, and on the same day, the sighting is moved on to that day; what was not seen
then goes to one of its own day. Of a sighting with fewer of them, those that were seen again go to one of the day on which they were.
See :class:`hextrackr.domain.models.Sighting`, and :mod:`.lifecycle` for ``matched`` and ``absent``.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from sqlalchemy import Connection, Date, Integer, func, insert, select, text, update

from hextrackr.db.dialects import not_among, statement

from . import undo_log
from .models import Finding, Sighting
from .staged_sql import IS_KEPT, OF_OUTCOMES, OPENED, OUTCOMES, SEEN

#: Sightings that were moved on: the id, the day before, and how many of its findings were not seen again.
_Behind = list[tuple[int, date, int]]

_SAID = f"coalesce({SEEN}, {OPENED})"
#: The days on which new findings were seen: all of a file, or those that are new.
_ALL_DAYS = f"SELECT DISTINCT {_SAID} AS day FROM staging_observations o WHERE import_id = :import_id AND {IS_KEPT}"
_NEW_DAYS = f"SELECT DISTINCT {_SAID} AS day FROM {OUTCOMES} WHERE {OF_OUTCOMES} AND m.outcome = 'inserted'"
_OF_DAY = "(SELECT min(w.id) FROM sightings w WHERE w.source_id = :source_id AND w.day = {day})"
_LINK = f"UPDATE staging_observations AS o SET sighting_id = {_OF_DAY.format(day=_SAID)} WHERE import_id = :import_id"
_SEEN_AGAIN = (
    "SELECT sighting_id, seen, count(*) AS findings FROM matched WHERE seen IS NOT NULL GROUP BY sighting_id, seen"
)
_MOVED = "CREATE TEMPORARY TABLE moved (finding_id INTEGER PRIMARY KEY, before_id INTEGER, sighting_id INTEGER)"
_ON_OTHER_DAYS = f"""
    INSERT INTO moved SELECT m.finding_id, m.sighting_id, {_OF_DAY.format(day="m.seen")}
    FROM matched m JOIN sightings s ON s.id = m.sighting_id WHERE m.seen <> s.day
"""
#: Sightings that were moved on without all of their findings, each with the one that these go to.
_BEHIND = "CREATE TEMPORARY TABLE behind (sighting_id INTEGER PRIMARY KEY, other_id INTEGER)"
_LEFT_BEHIND = """
    INSERT INTO moved SELECT m.finding_id, m.sighting_id, b.other_id
    FROM matched m CROSS JOIN behind b WHERE b.sighting_id = m.sighting_id AND m.seen IS NULL
    UNION ALL SELECT a.finding_id, a.sighting_id, b.other_id FROM absent a CROSS JOIN behind b WHERE b.sighting_id = a.sighting_id
"""
#: What was resolved before, or is outside the scope of the scan.
_LEFT_ALONE = """
    INSERT INTO moved SELECT f.id, f.sighting_id, b.other_id
    FROM behind b JOIN findings f ON f.sighting_id = b.sighting_id WHERE {not_matched} AND {not_moved}
"""
#: What is written for another reason as well refers to its other sighting by then, so that no row is written twice.
_REFER = """
    UPDATE findings SET sighting_id = m.sighting_id
    FROM moved m WHERE m.finding_id = findings.id AND findings.sighting_id <> m.sighting_id AND {not_absent}
"""
#: SQL: the sighting of a finding that is written for another reason.
REFERS = "coalesce((SELECT moved.sighting_id FROM moved WHERE moved.finding_id = findings.id), findings.sighting_id)"


def link(connection: Connection, import_id: int, source_id: int, day: date, *, all_new: bool) -> None:
    """Give each staged observation of which there are new findings the sighting of the day on which they were seen.

    :param day: the scan's date: when a finding was seen whose row does not say.
    :param all_new: whether all of them are new; else ``matched`` tells.
    """
    parameters = {"import_id": import_id, "source_id": source_id, "day": day}
    days = connection.execute(statement(_ALL_DAYS if all_new else _NEW_DAYS).columns(day=Date), parameters)
    for seen in sorted(days.scalars()):
        _of_day(connection, import_id, source_id, seen)
    connection.execute(statement(_LINK), parameters)


def move(connection: Connection, import_id: int, source_id: int) -> None:
    """Move sightings on as ``matched`` and ``absent`` tell, and fill ``moved`` with the findings that :func:`refer` to another one then."""
    other_days, behind = _move_days(connection, import_id)
    for day in sorted(other_days):
        _of_day(connection, import_id, source_id, day)
    connection.execute(text(_MOVED))
    if other_days:
        connection.execute(text(_ON_OTHER_DAYS), {"source_id": source_id})
    if behind:
        _leave_behind(connection, import_id, source_id, behind)
    undo_log.keep_sightings(connection, import_id)


def refer(connection: Connection) -> None:
    """Let every finding in ``moved`` refer to its other sighting."""
    not_absent = not_among(connection, "m.finding_id", "absent", "finding_id")
    connection.execute(text(_REFER.format(not_absent=not_absent)))
    connection.execute(text("DROP TABLE moved"))


def _leave_behind(connection: Connection, import_id: int, source_id: int, behind: _Behind) -> None:
    """Let what was not seen again refer to a sighting of the day on which it was seen last."""
    others = [
        {"sighting_id": sighting_id, "other_id": _of_day(connection, import_id, source_id, day)}
        for sighting_id, day, _ in behind
    ]
    connection.execute(text(_BEHIND))
    connection.execute(text("INSERT INTO behind (sighting_id, other_id) VALUES (:sighting_id, :other_id)"), others)
    if connection.execute(text(_LEFT_BEHIND)).rowcount < sum(count for _, _, count in behind):
        not_there = {
            f"not_{table}": not_among(connection, "f.id", table, "finding_id") for table in ("matched", "moved")
        }
        connection.execute(text(_LEFT_ALONE.format(**not_there)))
    connection.execute(text("DROP TABLE behind"))


def _move_days(connection: Connection, import_id: int) -> tuple[set[date], _Behind]:
    """Move days on, and tell what is left to do.

    :return: the days on which findings were seen again whose sighting has not moved there, and the moved ones whose findings were not
        all seen again.
    """
    other_days, behind = set[date](), []
    for sighting_id, days in _seen_again(connection):
        of_sighting = select(func.count()).select_from(Finding).where(Finding.sighting_id == sighting_id)
        all_of_it = connection.execute(of_sighting).scalar_one()
        day = max(days, key=lambda seen: (days[seen], seen))
        seen_again = sum(days.values())
        if 2 * days[day] <= all_of_it:
            other_days |= days.keys()
            continue
        this = Sighting.id == sighting_id
        before = connection.execute(select(Sighting.day).where(this)).scalar_one()
        undo_log.keep_day(connection, import_id, sighting_id, before)
        connection.execute(update(Sighting).where(this).values(day=day))
        other_days |= days.keys() - {day}
        if seen_again < all_of_it:
            behind.append((sighting_id, before, all_of_it - seen_again))
    return other_days, behind


def _seen_again(connection: Connection) -> Iterator[tuple[int, dict[date, int]]]:
    """Each sighting with how many of its findings were seen again on which day."""
    found: dict[int, dict[date, int]] = {}
    counted = text(_SEEN_AGAIN).columns(sighting_id=Integer, seen=Date, findings=Integer)
    for sighting_id, seen, findings in connection.execute(counted):
        found.setdefault(sighting_id, {})[seen] = findings
    yield from sorted(found.items())


def _of_day(connection: Connection, import_id: int, source_id: int, day: date) -> int:
    """The sighting of a day, made if there is none."""
    of_day = statement(f"SELECT {_OF_DAY.format(day=':day')}")
    found: int | None = connection.execute(of_day, {"source_id": source_id, "day": day}).scalar_one()
    if found is None:
        made = connection.execute(insert(Sighting).values(source_id=source_id, day=day)).inserted_primary_key
        assert made is not None
        found = int(made[0])
        undo_log.keep_day(connection, import_id, found, None)
    return found
