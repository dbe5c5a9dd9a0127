"""Turns staging into the final tables, in one transaction: readers see the data as before or as after, never between."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, select, update

from hextrackr.db import indexes, verify_staging
from hextrackr.db.dialects import lock_source
from hextrackr.errors import Cancelled

from . import (
    backdated,
    details,
    evidence,
    id_range,
    identity,
    lifecycle,
    record_version,
    resolve_guard,
    summary,
    totals,
    undo,
    undo_log,
    upsert,
    weights,
)
from .lifecycle import EVERYWHERE, Outcomes, Places, no_outcomes
from .models import Import, ImportMode, ImportState, Source

if TYPE_CHECKING:
    from hextrackr.progress.estimate import Meter, Phase

_LATE = "This scan is older than the newest one of its source ({}), so it only fills the history of its day."


@dataclass(frozen=True)
class Promotion:
    """What is promoted: a staged import, as the pipeline has read it from its row.

    :ivar epoch: see :class:`hextrackr.ingest.job.Job`.
    :ivar dated: something tells the ``day``; else it is that of the import, for want of anything better.
    :ivar staged: how many findings are staged; ``open_staged`` of them are open.
    :ivar preview: show what it would do, and wait for ``confirmed``.
    :ivar expected: the phases of the promotion, given how many staged findings are ``known`` and how many findings are ``held``.
    :ivar guard_percent: resolving more than this share of the source's open findings by absence needs ``confirmed``.
    :ivar columns_gone: columns that the import before of the same source had and this one has not; ``states_gone`` if that of the states
        of findings is among them.
    """

    import_id: int
    epoch: int
    source_id: int
    day: date
    mode: ImportMode
    staged: int
    open_staged: int
    preview: bool
    confirmed: bool
    guard_percent: int
    expected: Callable[..., list[Phase]]
    places: Places = EVERYWHERE
    columns_gone: tuple[str, ...] = ()
    states_gone: bool = False
    dated: bool = True


def promote(engine: Engine, promotion: Promotion, meter: Meter) -> ImportState:
    """Promote a staged import.

    :return: ``COMPLETED``, or ``AWAITING_CONFIRMATION`` with nothing changed but the import's row.
    :raises Cancelled: the import has left the state ``promoting`` meanwhile; nothing was changed.
    """
    with engine.execution_options(durable=True).begin() as connection:
        lock_source(connection, promotion.source_id)
        _claim(connection, promotion)
        verify_staging.insist(connection, promotion.import_id, {"staging_findings": promotion.staged})
        open_before = sum(count for count, _ in totals.open_in_source(connection, promotion.source_id).values())
        savepoint = connection.begin_nested()
        outcomes, told, reasons = _carry_out(connection, promotion, meter)
        if not promotion.confirmed and (promotion.preview or reasons):
            savepoint.rollback()
            forecast = {**_figures(outcomes), "openBefore": open_before, "summary": told, "guard": reasons}
            _close(
                connection, promotion, state=ImportState.AWAITING_CONFIRMATION, answered=False, lease_until=0, forecast=forecast,
            )  # fmt: skip
            return ImportState.AWAITING_CONFIRMATION
        savepoint.commit()
        finished = int(time.time() * 1000)
        _close(
            connection, promotion, state=ImportState.COMPLETED, lease_until=0, finished_at=finished, upload="", forecast={},
            summary=told, **_figures(outcomes),
        )  # fmt: skip
        record_version.increment(connection, promotion.import_id)
        meter.begin("commit")
        return ImportState.COMPLETED


_Told = tuple[Outcomes, dict[str, Any], list[resolve_guard.Reason]]


def _carry_out(connection: Connection, promotion: Promotion, meter: Meter) -> _Told:
    """Change the final tables, and return the outcomes, the summary and what the guard has to ask."""
    meter.begin("catalogue", "Staging complete. Comparing it with what is on record...")
    if not promotion.staged:
        is_open = totals.open_in_source(connection, promotion.source_id)
        return no_outcomes(), {"bySeverity": summary.by_severity(no_outcomes(), is_open)}, []
    place = undo.next_place(connection, promotion.source_id)
    newest = connection.execute(select(Source.last_scan_date).where(Source.id == promotion.source_id)).scalar_one()
    if newest is not None and promotion.day < newest:
        told = _take_in_late(connection, promotion)
        _warn(connection, promotion, _LATE.format(newest))
    else:
        told = _take_in(connection, promotion, meter)
    identity.drop(connection)
    _close(connection, promotion, place=place)
    return told


def _take_in(connection: Connection, promotion: Promotion, meter: Meter) -> _Told:
    """Make the scan the present state of its source."""
    import_id, source_id, day = promotion.import_id, promotion.source_id, promotion.day
    summary.begin(connection, source_id)
    upsert.promote_assets(connection, import_id, source_id)
    upsert.promote_definitions(connection, import_id, source_id)
    details.promote(connection, import_id)
    evidence.identify(connection, import_id)
    meter.begin("compare", units=promotion.staged)
    all_new = lifecycle.match(
        connection, import_id, source_id, day, staged=promotion.staged, places=promotion.places, advance=meter.advance
    )
    meter.begin("absent")
    outcomes, unchecked = lifecycle.conclude(
        connection,
        import_id,
        source_id,
        promotion.mode,
        holds_open=promotion.open_staged > 0,
        all_new=all_new,
        places=promotion.places,
    )
    reasons = resolve_guard.reasons(connection, source_id, promotion.guard_percent, promotion.columns_gone)
    if promotion.states_gone:
        reasons += resolve_guard.of_states(
            sum(sum(outcomes[outcome].values()) for outcome in ("inserted", "reopened")), promotion.columns_gone
        )
    held = totals.held(connection)
    new = sum(outcomes["inserted"].values())
    meter.plan(promotion.expected(known=promotion.staged - new, held=held))
    meter.begin("apply")
    lifecycle.apply(connection, import_id, source_id, day, all_new=all_new)
    evidence.link(connection, import_id)
    taken_out = indexes.drop(connection, new, held)
    meter.begin("insert", units=promotion.staged)
    newest = id_range.newest(connection)
    lifecycle.insert(
        connection, import_id, source_id, day, all_new=all_new, staged=promotion.staged, advance=meter.advance
    )
    id_range.note(connection, import_id, newest)
    meter.begin("index", units=indexes.columns(*taken_out))
    indexes.build(connection, taken_out, meter.advance)
    compared = lifecycle.compared(connection, outcomes)
    lifecycle.drop(connection)
    meter.begin("totals")
    weights.add(connection, import_id, all_new=all_new)
    is_open = totals.count_staged(connection, import_id, source_id) if all_new else totals.count(connection, source_id)
    undo_log.keep_totals(connection, import_id, source_id, day)
    totals.keep(connection, source_id, day, is_open, outcomes)
    if promotion.dated:
        connection.execute(update(Source).where(Source.id == source_id).values(last_scan_date=day))
    told = summary.tell(connection, source_id, outcomes, is_open) | {"compared": compared}
    return outcomes, told | ({"unchecked": unchecked} if unchecked else {}), reasons


def _take_in_late(connection: Connection, promotion: Promotion) -> _Told:
    """Fill the history and the totals of the scan's own day."""
    import_id, source_id, day = promotion.import_id, promotion.source_id, promotion.day
    recorded, opened = backdated.record(
        connection, import_id, source_id, day, promotion.mode, promotion.staged, promotion.places
    )
    lifecycle.drop(connection)
    weights.add(connection, import_id, all_new=False)
    outcomes = no_outcomes() | {"inserted": opened}
    totals.count(connection, source_id)
    is_open = (
        totals.open_in_file(connection, import_id)
        if promotion.mode == ImportMode.FULL
        else totals.open_on(connection, source_id, day)
    )
    if not totals.known(connection, source_id, day):
        undo_log.keep_totals(connection, import_id, source_id, day)
        totals.keep(connection, source_id, day, is_open, no_outcomes())
    told = {"bySeverity": summary.by_severity(outcomes, is_open), "late": True, "recorded": recorded}
    return outcomes, told, []


def _claim(connection: Connection, promotion: Promotion) -> None:
    """Write to the import's row first: the transaction owns it from here, or learns that somebody ended it or took it over."""
    mine = (Import.id == promotion.import_id, Import.epoch == promotion.epoch, Import.state == ImportState.PROMOTING)
    if connection.execute(update(Import).where(*mine).values(state=ImportState.PROMOTING)).rowcount != 1:
        raise Cancelled


def _warn(connection: Connection, promotion: Promotion, warning: str) -> None:
    warnings = connection.execute(select(Import.warnings).where(Import.id == promotion.import_id)).scalar_one()
    _close(connection, promotion, warnings=[*warnings, warning])


def _figures(outcomes: Outcomes) -> dict[str, int]:
    return {outcome: sum(numbers.values()) for outcome, numbers in outcomes.items()}


def _close(connection: Connection, promotion: Promotion, **values: Any) -> None:
    connection.execute(update(Import).where(Import.id == promotion.import_id).values(values))
