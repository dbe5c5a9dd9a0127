import { copyOf, fill, find, setText } from "./shared/dom.js";
import { ago, bytes, count, duration, instant } from "./shared/format.js";

const STATES = {
    queued: "Queued",
    reading: "Reading",
    staging: "Staging",
    promoting: "Promoting",
    completed: "Completed",
    failed: "Failed",
    cancelled: "Cancelled",
    "awaiting-confirmation": "Needs confirmation",
};
const MODES = { hosts: "Hosts in the file only", delta: "Additions only" };
const ENDED = new Set(["completed", "failed", "cancelled"]);

/**
 * @param {object} record an import as the server tells it
 * @returns {boolean} whether it can change no more
 */
export function hasEnded(record) {
    return ENDED.has(record.state);
}

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
    row.dataset.state = record.state;
    fill(row, {
        filename: record.filename,
        scanner: [record.scannerName || record.vendor, record.source, MODES[record.mode], bytes(record.fileSize)].filter(Boolean).join(" · "),
        scanDate: record.scanDate ?? "–",
        state: STATES[record.state] ?? record.state,
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
