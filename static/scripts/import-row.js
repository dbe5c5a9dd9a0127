import { STATES, hasEnded, origin, shownState } from "./import-facts.js";
import { copyOf, fill, find, setText } from "./shared/dom.js";
import { ago, count, duration, instant } from "./shared/format.js";

/**
 * The row of one import.
 *
 * @param {HTMLTemplateElement} template
 * @param {object} record as the server tells it
 * @returns {HTMLElement}
 */
export function importRow(template, record) {
    const row = copyOf(template);
    row.dataset.importId = record.importId;
    const state = shownState(record);
    row.dataset.state = state;
    find(row, '[data-field="filename"]').href = `/imports/${record.importId}`;
    fill(row, {
        filename: record.filename,
        scanner: origin(record),
        scanDate: record.scanDate ?? "–",
        state: STATES[state] ?? state,
        error: record.error?.detail ?? "",
        duration: duration(record.duration),
    });
    fillFigures(row, record);
    const when = find(row, '[data-field="when"]');
    when.dateTime = new Date(record.createdAt).toISOString();
    when.title = instant(record.createdAt);
    setText(when, ago(record.createdAt));
    const progress = find(row, "[data-open-progress]");
    progress.hidden = hasEnded(record);
    setText(progress, record.state === "awaiting-confirmation" ? "Review" : "Show progress");
    return row;
}

/** Only what has been promoted has figures; the rows are known earlier. */
function fillFigures(row, record) {
    const completed = record.state === "completed";
    for (const name of ["inserted", "updated", "reopened", "resolved", "unchanged"]) {
        const cell = find(row, `[data-field="${name}"]`);
        setText(cell, completed ? count(record[name]) : "–");
        cell.dataset.zero = !completed || record[name] === 0;
    }
    fill(row, { rowsRead: count(record.rowsRead), rejected: count(record.rejected), rejectedLink: count(record.rejected) });
    const rejects = find(row, "[data-rejects]");
    rejects.hidden = !(record.rejected > 0);
    rejects.href = `/api/imports/${record.importId}/rejects.csv`;
    const rejected = find(row, '[data-field="rejected"]');
    rejected.hidden = !rejects.hidden;
    rejected.dataset.zero = true;
}
