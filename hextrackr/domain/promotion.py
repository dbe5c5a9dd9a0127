"""Promote a staged scan into the record, in one transaction: readers see the data as before or as after, never in between.

The steps: claim the import (:func:`_claim`); match its hosts and definitions with the record (:mod:`.identity`, :mod:`.upsert`); compare
its findings with the record, and find absent ones (:mod:`.lifecycle`); ask, if it would resolve many (:mod:`.resolve_guard`); write the
changes, and log overwritten values (:mod:`.undo`); count the open findings (:mod:`.totals`); summarise (:mod:`.summary`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Connection, Engine, select, update

from hextrackr.db.dialects import lock_source
from hextrackr.errors import Cancelled

from . import (
    backdated,
    evidence,
    identity,
    imports,
    lifecycle,
    record_version,
    resolve_guard,
    sources,
    staged,
    summary,
    totals,
    undo,
    upsert,
)
from .lifecycle import Outcomes, no_outcomes
from .models import Import, ImportMode, ImportState, Source
from .staged import Scan

if TYPE_CHECKING:
    from hextrackr.progress.estimate import Meter, Phase

_IS_BACKDATED = "This scan is older than the newest one of its source ({}), so it only fills the history of its day."


@dataclass(frozen=True, kw_only=True)
class Promotion(Scan):
    """A staged scan to be promoted, with the options from its import's row.

    :ivar epoch: see :class:`hextrackr.ingest.attempt.Job`.
    :ivar dated: the ``day`` was found in the file or given by the user; otherwise it is the day of the import.
    :ivar preview: show what it would do, and wait for ``confirmed``.
    :ivar guard_percent: resolving more than this share of the source's open findings by absence needs ``confirmed``.
    :ivar expected: returns the phases of the promotion for the outcomes by name (None before they are counted), the number of findings
        whose evidence changes, and whether it ``asks``.
    :ivar columns_gone: columns that the previous import of the same source had and this one lacks; ``states_gone`` if the column with the
        states of findings is one of them.
    """

    epoch: int
    preview: bool
    confirmed: bool
    guard_percent: int
    expected: Callable[..., list[Phase]]
    columns_gone: tuple[str, ...] = ()
    states_gone: bool = False
    dated: bool = True


class _Result(NamedTuple):
    """The result of a promotion: its outcomes, its summary, the reasons of the guard to ask, and the number of findings whose evidence
    changes."""

    outcomes: Outcomes
    summary: dict[str, Any]
    reasons: list[resolve_guard.Reason]
    restated: int = 0

    def figures(self) -> dict[str, int]:
        """The number of findings with each outcome."""
        return _figures(self.outcomes)


def promote(engine: Engine, promotion: Promotion, meter: Meter) -> ImportState:
    """Promote a staged import.

    :return: ``COMPLETED``, or ``AWAITING_CONFIRMATION`` with nothing changed but the import's row.
    :raises Cancelled: the import has left the state ``promoting`` meanwhile; nothing was changed.
    """
    with engine.execution_options(durable=True).begin() as connection:
        lock_source(connection, promotion.source_id)
        _claim(connection, promotion)
        staged.require_whole(connection, promotion.import_id, {"staging_findings": promotion.staged})
        open_before = sum(count for count, _ in totals.open_in_source(connection, promotion.source_id).values())
        savepoint = connection.begin_nested()
        result = _promote(connection, promotion, meter)
        if not promotion.confirmed and (promotion.preview or result.reasons):
            savepoint.rollback()
            forecast = {
                "openBefore": open_before,
                "summary": result.summary,
                "guard": result.reasons,
                "restated": result.restated,
                "pace": meter.measured_pace,
            }
            _write_row(
                connection,
                promotion,
                state=ImportState.AWAITING_CONFIRMATION,
                answered=False,
                lease_until=0,
                forecast={**result.figures(), **forecast},
            )
            return ImportState.AWAITING_CONFIRMATION
        savepoint.commit()
        retired = (
            sources.end_retirement(connection, promotion.import_id, promotion.source_id) if promotion.staged else {}
        )
        _write_row(
            connection,
            promotion,
            state=ImportState.COMPLETED,
            lease_until=0,
            finished_at=int(time.time() * 1000),
            upload="",
            forecast={},
            source_label=imports.label_of_source(promotion.source_id),
            summary=result.summary | retired,
            **result.figures(),
        )
        record_version.increment(connection, None if retired else promotion.import_id)
        meter.begin("commit")
        return ImportState.COMPLETED


def _claim(connection: Connection, promotion: Promotion) -> None:
    """Write to the import's row first, so that this transaction owns it.

    :raises Cancelled: the import was ended, or taken over by another attempt.
    """
    mine = (Import.id == promotion.import_id, Import.epoch == promotion.epoch, Import.state == ImportState.PROMOTING)
    if connection.execute(update(Import).where(*mine).values(state=ImportState.PROMOTING)).rowcount != 1:
        raise Cancelled


def _promote(connection: Connection, promotion: Promotion, meter: Meter) -> _Result:
    """Apply the scan to the record: to its current state, or only to its history if the scan is backdated."""
    meter.begin("upsert", f"Staging complete. Processing {promotion.staged} records to final tables...")
    if not promotion.staged:
        open_now = totals.open_in_source(connection, promotion.source_id)
        return _Result(no_outcomes(), {"bySeverity": summary.by_severity(no_outcomes(), open_now)}, [])
    place = imports.next_place(connection, promotion.source_id)
    newest = connection.execute(select(Source.last_scan_date).where(Source.id == promotion.source_id)).scalar_one()
    if newest is not None and promotion.day < newest:
        meter.begin("backdated")
        result = _fill_history(connection, promotion)
        warnings = connection.execute(select(Import.warnings).where(Import.id == promotion.import_id)).scalar_one()
        _write_row(connection, promotion, warnings=[*warnings, _IS_BACKDATED.format(newest)])
    else:
        result = _change_current(connection, promotion, meter)
    identity.drop(connection)
    _write_row(connection, promotion, place=place)
    return result


def _change_current(connection: Connection, promotion: Promotion, meter: Meter) -> _Result:
    """Apply the scan as the current state of its source."""
    import_id, source_id, day = promotion.import_id, promotion.source_id, promotion.day
    summary.note_before(connection, source_id)
    upsert.promote_assets(connection, import_id, source_id)
    upsert.promote_definitions(connection, import_id, source_id)
    evidence.promote_details(connection, import_id)
    evidence.identify(connection, import_id)

    restated = evidence.sample_changes(connection, import_id, promotion.staged)
    meter.plan(promotion.expected(None, restated, asks=promotion.preview))
    meter.begin("compare", units=promotion.staged)
    all_new = lifecycle.compare(connection, promotion, meter.advance)
    meter.begin("absent")
    unchecked = lifecycle.find_absent(connection, promotion)
    outcomes = lifecycle.count_outcomes(connection, promotion, all_new=all_new)
    reasons = resolve_guard.reasons(connection, source_id, promotion.guard_percent, promotion.columns_gone)
    if promotion.states_gone:
        opened = sum(sum(outcomes[outcome].values()) for outcome in ("inserted", "reopened"))
        reasons += resolve_guard.of_states(opened, promotion.columns_gone)

    phases = partial(promotion.expected, _figures(outcomes), asks=promotion.preview or bool(reasons))
    meter.plan(phases(restated))
    meter.begin("apply")
    lifecycle.apply(connection, promotion, all_new=all_new)
    meter.begin("evidence")
    evidence.link(connection, import_id, found=partial(_begin_restating, meter, phases))
    meter.begin("insert", units=promotion.staged)
    newest = imports.newest_finding(connection)
    lifecycle.insert(connection, promotion, all_new=all_new, advance=meter.advance)
    imports.note_added(connection, import_id, newest)
    compared = lifecycle.compared(connection, outcomes)
    lifecycle.drop(connection)

    meter.begin("totals")
    if all_new:
        totals.weigh_staged(connection, import_id)
        open_now = totals.count_staged(connection, import_id, source_id)
    else:
        totals.add_weights(connection, import_id)
        open_now = totals.count(connection, source_id)
    undo.keep_totals(connection, import_id, source_id, day)
    totals.write(connection, source_id, day, open_now, outcomes)
    if promotion.dated:
        connection.execute(update(Source).where(Source.id == source_id).values(last_scan_date=day))
    scan_summary = summary.of_scan(connection, source_id, outcomes, open_now) | {"compared": compared}
    return _Result(outcomes, scan_summary | ({"unchecked": unchecked} if unchecked else {}), reasons, restated)


def _begin_restating(meter: Meter, expected: Callable[[int], list[Phase]], restated: int) -> None:
    """Begin the phase that changes the evidence of findings, once their number is counted."""
    meter.plan(expected(restated))
    meter.begin("restate")


def _fill_history(connection: Connection, promotion: Promotion) -> _Result:
    """Fill the history and the totals of the day of a backdated scan."""
    import_id, source_id, day = promotion.import_id, promotion.source_id, promotion.day
    recorded, opened = backdated.record(connection, promotion)
    lifecycle.drop(connection)
    totals.add_weights(connection, import_id)
    totals.count(connection, source_id)
    if promotion.mode == ImportMode.FULL:
        open_then = totals.open_in_file(connection, import_id)
    else:
        open_then = totals.open_on(connection, source_id, day)
    if not totals.has_totals(connection, source_id, day):
        undo.keep_totals(connection, import_id, source_id, day)
        totals.write(connection, source_id, day, open_then, no_outcomes())
    outcomes = no_outcomes() | {"inserted": opened}
    by_severity = summary.by_severity(outcomes, open_then)
    return _Result(outcomes, {"bySeverity": by_severity, "late": True, "recorded": recorded}, [])


def _figures(outcomes: Outcomes) -> dict[str, int]:
    """The number of findings with each outcome."""
    return {outcome: sum(numbers.values()) for outcome, numbers in outcomes.items()}


def _write_row(connection: Connection, promotion: Promotion, **values: Any) -> None:
    connection.execute(update(Import).where(Import.id == promotion.import_id).values(values))
