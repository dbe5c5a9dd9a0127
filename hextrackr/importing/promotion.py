"""Turns staging into the final tables, in one transaction: readers see the data as before or as after, never between."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, Engine, select, text, update

from hextrackr.errors import Cancelled
from hextrackr.models import Import, Source
from hextrackr.models.imports import ImportMode, ImportState

from . import catalogue, lifecycle, totals
from .lifecycle import Outcomes
from .meter import Meter

#: An import never asks before it resolves this few findings.
GUARD_FLOOR = 20


@dataclass(frozen=True)
class Promotion:
    """What is promoted: a staged import, as the pipeline has read it from its row.

    :ivar open_staged: how many open findings are staged.
    :ivar guard_percent: resolving more than this share of the source's open findings needs ``confirmed``.
    """

    import_id: int
    source_id: int
    day: date
    mode: ImportMode
    open_staged: int
    confirmed: bool
    guard_percent: int


def promote(engine: Engine, promotion: Promotion, meter: Meter) -> ImportState:
    """Promote a staged import.

    :return: ``COMPLETED``, or ``AWAITING_CONFIRMATION`` with nothing changed but the import's row.
    :raises Cancelled: the import has left the state ``promoting`` meanwhile; nothing was changed.
    """
    with engine.execution_options(durable=True).begin() as connection:
        return _promote(connection, promotion, meter)


def _promote(connection: Connection, promotion: Promotion, meter: Meter) -> ImportState:
    _claim(connection, promotion.import_id)
    if _is_late(connection, promotion):
        return _keep_late(connection, promotion)
    meter.begin("catalogue")
    open_before = sum(count for count, _ in totals.open_in_source(connection, promotion.source_id).values())
    savepoint = connection.begin_nested()
    catalogue.promote_assets(connection, promotion.import_id, promotion.source_id)
    catalogue.promote_definitions(connection, promotion.import_id, promotion.source_id)
    meter.begin("compare")
    outcomes = lifecycle.compare(
        connection,
        promotion.import_id,
        promotion.source_id,
        promotion.day,
        promotion.mode,
        holds_open=promotion.open_staged > 0,
    )
    would_resolve = sum(outcomes["resolved"].values())
    if _needs_confirmation(promotion, would_resolve, open_before):
        savepoint.rollback()
        _close(
            connection,
            promotion,
            state=ImportState.AWAITING_CONFIRMATION,
            would_resolve=would_resolve,
            open_before=open_before,
        )
        return ImportState.AWAITING_CONFIRMATION
    savepoint.commit()
    meter.begin("apply")
    lifecycle.apply(connection, promotion.import_id, promotion.source_id, promotion.day)
    meter.begin("totals")
    is_open = totals.open_in_source(connection, promotion.source_id)
    totals.keep(connection, promotion.source_id, promotion.day, is_open, outcomes)
    connection.execute(update(Source).where(Source.id == promotion.source_id).values(last_scan_date=promotion.day))
    lifecycle.drop(connection)
    _complete(connection, promotion, outcomes, totals.summary(outcomes, is_open))
    meter.begin("commit")
    return ImportState.COMPLETED


def _claim(connection: Connection, import_id: int) -> None:
    """Write to the import's row first: the transaction owns it from here, or learns that somebody ended it."""
    row = connection.execute(
        update(Import)
        .where(Import.id == import_id, Import.state == ImportState.PROMOTING)
        .values(state=ImportState.PROMOTING)
    )
    if row.rowcount != 1:
        raise Cancelled


def _is_late(connection: Connection, promotion: Promotion) -> bool:
    newest = connection.execute(select(Source.last_scan_date).where(Source.id == promotion.source_id)).scalar_one()
    return newest is not None and promotion.day < newest


def _keep_late(connection: Connection, promotion: Promotion) -> ImportState:
    """A scan older than the source's newest one fills the totals of its own day and changes no finding."""
    outcomes: Outcomes = {name: {} for name in ("inserted", "updated", "reopened", "resolved", "unchanged")}
    is_open = totals.open_in_file(connection, promotion.import_id)
    known = connection.execute(
        text("SELECT count(*) FROM daily_totals WHERE source_id = :source_id AND day = :day"),
        {"source_id": promotion.source_id, "day": promotion.day.isoformat()},
    ).scalar_one()
    if not known:
        totals.keep(connection, promotion.source_id, promotion.day, is_open, outcomes)
    _complete(connection, promotion, outcomes, {**totals.summary(outcomes, is_open), "late": True})
    return ImportState.COMPLETED


def _needs_confirmation(promotion: Promotion, would_resolve: int, open_before: int) -> bool:
    return (
        not promotion.confirmed
        and would_resolve > GUARD_FLOOR
        and would_resolve * 100 > open_before * promotion.guard_percent
    )


def _complete(connection: Connection, promotion: Promotion, outcomes: Outcomes, summary: dict[str, Any]) -> None:
    figures = {outcome: sum(numbers.values()) for outcome, numbers in outcomes.items()}
    _close(
        connection,
        promotion,
        state=ImportState.COMPLETED,
        finished_at=int(time.time() * 1000),
        summary=summary,
        upload="",
        **figures,
    )


def _close(connection: Connection, promotion: Promotion, **values: Any) -> None:
    connection.execute(update(Import).where(Import.id == promotion.import_id).values(values))
