"""Convert rows to the JSON and CSV of the API."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from hextrackr.domain import formulas
from hextrackr.domain.models import Import, ImportState
from hextrackr.ingest import formats
from hextrackr.ingest.saved_mappings import Scanner
from hextrackr.jobs import snapshots
from hextrackr.queries.findings import ENTRIES


def of_import(record: Import, undoable: Collection[int], mapped: Mapping[str, Scanner]) -> dict[str, Any]:
    """Return an import with its figures.

    :param undoable: the ids of the imports that can be undone.
    :param mapped: the scanners whose files are read by mappings.
    """
    mapping = mapped.get(record.scanner, Scanner(record.vendor, None))
    answer = {
        "importId": record.id,
        "sessionId": record.session_id,
        "filename": record.filename,
        "fileSize": record.file_size,
        "vendor": record.vendor,
        "scanner": record.scanner,
        "scannerName": formats.scanner_name(record.scanner, mapping.name) if record.scanner else "",
        "mappingId": mapping.mapping_id,
        "source": record.source_label,
        "sourceId": record.source_id,
        "startedBy": record.started_by,
        "mode": record.mode,
        "scanDate": record.scan_date.isoformat() if record.scan_date else None,
        "scanDateFrom": record.scan_date_from,
        "state": record.state,
        "message": snapshots.message_of(record),
        "createdAt": record.created_at,
        "startedAt": record.started_at,
        "finishedAt": record.finished_at,
        "duration": snapshots.duration(record),
        "stepSeconds": snapshots.work(record).get("stepSeconds", {}),
        **snapshots.figures(record),
        "recognition": record.recognition,
        "warnings": record.warnings[:ENTRIES],
        "warningsTotal": len(record.warnings),
        "summary": record.summary,
        "retryable": record.state == ImportState.FAILED and record.upload != "",
        "undoable": record.id in undoable,
        "undoneAt": record.undone_at,
        "error": snapshots.error_of(record),
    }
    if record.state == ImportState.AWAITING_CONFIRMATION:
        answer |= snapshots.forecast(record)
    return answer


def csv_lines(header: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> Iterator[str]:
    """Yield the lines of a CSV file, with cells escaped that a spreadsheet would run as a formula."""
    for row in chain([header], rows):
        line = io.StringIO()
        csv.writer(line).writerow([formulas.neutralised(cell) for cell in row])
        yield line.getvalue()
