"""Update the days on which findings were last seen: change the days of sightings, and assign findings to other sightings.

If a scan has seen most findings of a sighting again on one day, the sighting gets that day, and the findings that were not seen get another
sighting with the old day. Otherwise the findings that were seen again get another sighting with the new day.
See :class:`hextrackr.domain.models.Sighting`, and :mod:`.lifecycle` for ``matched`` and ``absent``.
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from sqlalchemy import Connection, Date, Integer, func, insert, select, text, update

from hextrackr.db.dialects import not_among, statement

from . import undo
from .models import Finding, Sighting
from .staged import FIRST_SEEN, IS_KEPT, LAST_SEEN, MATCHED, OF_MATCHED, Scan


class _MovedOn(NamedTuple):
    """A sighting that got a new day, its day before, and the number of its findings that were not seen again."""

    sighting_id: int
    day_before: date
    not_seen: int


#: SQL: the day on which a new finding was last seen; for a fixed one it may be the day on which it was first seen.
_SEEN_ON = f"coalesce({LAST_SEEN}, {FIRST_SEEN})"
#: SQL: the sighting of a finding that is updated for another reason as well, once ``moved`` is filled.
REFERS = "coalesce((SELECT moved.sighting_id FROM moved WHERE moved.finding_id = findings.id), findings.sighting_id)"


def link(connection: Connection, scan: Scan, *, all_new: bool) -> None:
    """Assign each staged observation with new findings the sighting of the day on which they were seen.

    :param all_new: all findings are new; otherwise ``matched`` has the new ones.
    """
    days = (
        f"SELECT DISTINCT {_SEEN_ON} AS day FROM staging_observations o WHERE import_id = :import_id AND {IS_KEPT}"
        if all_new
        else f"SELECT DISTINCT {_SEEN_ON} AS day FROM {MATCHED} WHERE {OF_MATCHED} AND m.outcome = 'inserted'"
    )
    for day in sorted(connection.execute(statement(days).columns(day=Date), scan.parameters).scalars()):
        _sighting_of(connection, scan.import_id, scan.source_id, day)
    connection.execute(
        statement(f"""
        UPDATE staging_observations AS o SET sighting_id = (
            SELECT min(w.id) FROM sightings w WHERE w.source_id = :source_id AND w.day = {_SEEN_ON})
        WHERE import_id = :import_id
        """),
        scan.parameters,
    )


def move(connection: Connection, import_id: int, source_id: int) -> None:
    """Change the days of sightings, and fill ``moved`` with the findings that :func:`refer` then assigns to another sighting."""
    other_days, moved_on = _move_days(connection, import_id)
    for day in sorted(other_days):
        _sighting_of(connection, import_id, source_id, day)
    connection.execute(
        text("CREATE TEMPORARY TABLE moved (finding_id INTEGER PRIMARY KEY, before_id INTEGER, sighting_id INTEGER)")
    )
    if other_days:
        connection.execute(
            text("""
            INSERT INTO moved
            SELECT m.finding_id, m.sighting_id,
                   (SELECT min(w.id) FROM sightings w WHERE w.source_id = :source_id AND w.day = m.seen)
            FROM matched m JOIN sightings s ON s.id = m.sighting_id WHERE m.seen <> s.day
            """),
            {"source_id": source_id},
        )
    if moved_on:
        _leave_behind(connection, import_id, source_id, moved_on)
    undo.keep_sightings(connection, import_id)


def refer(connection: Connection) -> None:
    """Assign every finding in ``moved`` to its other sighting.

    Findings that were updated for another reason have it already (:data:`REFERS`), so that no row is written twice.
    """
    not_absent = not_among(connection, "m.finding_id", "absent", "finding_id")
    connection.execute(
        text(f"""
        UPDATE findings SET sighting_id = m.sighting_id
        FROM moved m WHERE m.finding_id = findings.id AND findings.sighting_id <> m.sighting_id AND {not_absent}
        """)
    )
    connection.execute(text("DROP TABLE moved"))


def _leave_behind(connection: Connection, import_id: int, source_id: int, moved_on: list[_MovedOn]) -> None:
    """Add the findings that were not seen again to ``moved``, with a sighting of the day on which they were last seen."""
    connection.execute(text("CREATE TEMPORARY TABLE left_behind (sighting_id INTEGER PRIMARY KEY, other_id INTEGER)"))
    connection.execute(
        text("INSERT INTO left_behind (sighting_id, other_id) VALUES (:sighting_id, :other_id)"),
        [
            {
                "sighting_id": each.sighting_id,
                "other_id": _sighting_of(connection, import_id, source_id, each.day_before),
            }
            for each in moved_on
        ],
    )
    found = connection.execute(
        text("""
        INSERT INTO moved
        SELECT m.finding_id, m.sighting_id, b.other_id
        FROM matched m CROSS JOIN left_behind b WHERE b.sighting_id = m.sighting_id AND m.seen IS NULL
        UNION ALL
        SELECT a.finding_id, a.sighting_id, b.other_id FROM absent a CROSS JOIN left_behind b WHERE b.sighting_id = a.sighting_id
        """)
    )
    if found.rowcount < sum(each.not_seen for each in moved_on):
        # The others were resolved before, or are out of scope of the scan.
        connection.execute(
            text(f"""
            INSERT INTO moved
            SELECT f.id, f.sighting_id, b.other_id
            FROM left_behind b JOIN findings f ON f.sighting_id = b.sighting_id
            WHERE {not_among(connection, "f.id", "matched", "finding_id")} AND {not_among(connection, "f.id", "moved", "finding_id")}
            """)
        )
    connection.execute(text("DROP TABLE left_behind"))


def _move_days(connection: Connection, import_id: int) -> tuple[set[date], list[_MovedOn]]:
    """Change the days of sightings of which most findings were seen again on one day.

    :return: the days on which other findings were seen again, and the changed sightings that have findings which were not seen again.
    """
    other_days, moved_on = set[date](), []
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
        undo.keep_day(connection, import_id, sighting_id, before)
        connection.execute(update(Sighting).where(this).values(day=day))
        other_days |= days.keys() - {day}
        if seen_again < all_of_it:
            moved_on.append(_MovedOn(sighting_id, before, all_of_it - seen_again))
    return other_days, moved_on


def _seen_again(connection: Connection) -> list[tuple[int, dict[date, int]]]:
    """Each sighting with the number of its findings that were seen again, by day."""
    found: dict[int, dict[date, int]] = {}
    counted = text("""
        SELECT sighting_id, seen, count(*) AS findings FROM matched WHERE seen IS NOT NULL GROUP BY sighting_id, seen
    """).columns(sighting_id=Integer, seen=Date, findings=Integer)
    for sighting_id, seen, findings in connection.execute(counted):
        found.setdefault(sighting_id, {})[seen] = findings
    return sorted(found.items())


def _sighting_of(connection: Connection, import_id: int, source_id: int, day: date) -> int:
    """The sighting of a day, created if there is none."""
    of_day = select(func.min(Sighting.id)).where(Sighting.source_id == source_id, Sighting.day == day)
    found: int | None = connection.execute(of_day).scalar_one()
    if found is None:
        made = connection.execute(insert(Sighting).values(source_id=source_id, day=day)).inserted_primary_key
        assert made is not None
        found = int(made[0])
        undo.keep_day(connection, import_id, found, None)
    return found
