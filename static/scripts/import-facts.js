import { bytes, count, duration, instant } from "./shared/format.js";

/**
 * What is told of an import, as texts. Pure.
 */

export const STATES = {
    queued: "Queued",
    reading: "Reading",
    staging: "Staging",
    promoting: "Promoting",
    completed: "Completed",
    "completed-with-rejects": "Completed with rejects",
    failed: "Failed",
    cancelled: "Cancelled",
    undone: "Undone",
    "awaiting-confirmation": "Needs confirmation",
};
const MODES = { hosts: "Resolve on its hosts only", delta: "Leave the others open" };
const ENDED = new Set(["completed", "failed", "cancelled"]);

/**
 * @param {object} record an import as the server tells it
 * @returns {boolean} whether it can change no more
 */
export function hasEnded(record) {
    return ENDED.has(record.state);
}

/**
 * @param {object} record
 * @returns {keyof STATES} the state to show: an import that was taken back has one of its own, and so has one with rejected rows
 */
export function shownState(record) {
    if (record.undoneAt) return "undone";
    return record.state === "completed" && record.rejected > 0 ? "completed-with-rejects" : record.state;
}

/** Where a file is from and how it was taken: scanner, source, mode, size. */
export function origin(record) {
    return [record.scannerName || record.vendor, record.source, MODES[record.mode], bytes(record.fileSize)].filter(Boolean).join(" · ");
}

/** One line of facts for the import's own page. */
export function facts(record) {
    return [
        origin(record),
        record.scanDate && `Scan of ${record.scanDate}`,
        `Imported ${instant(record.createdAt)}`,
        record.duration === null ? "" : `in ${duration(record.duration)}`,
    ]
        .filter(Boolean)
        .join(" · ");
}

/** What stands below a list of names that is shorter than its count. */
export function rest({ count: total, names }) {
    return total > names.length ? `and ${count(total - names.length)} more` : "";
}

const DELIMITERS = { ",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars" };

/**
 * How a file was understood, as texts by name; empty where there is nothing to tell.
 *
 * @param {object} recognition of an import
 */
export function reading({ format, confidence, alternatives, encoding, delimiter, headerLine, columns, unusedColumns, dates }) {
    const sure = `${format}, ${Math.round(confidence * 100)} % sure`;
    return {
        format: alternatives.length > 0 ? `${sure}; it could be ${alternatives.join(" or ")}` : sure,
        text: `${encoding}, separated by ${DELIMITERS[delimiter] ?? delimiter}, header on line ${headerLine}`,
        columns: `${count(columns)} in the file, ${count(columns - unusedColumns.length)} used`,
        unused: unusedColumns.join(", "),
        firstSeen: days(dates.firstSeen, dates.dayFirst),
        lastSeen: days(dates.lastSeen, dates.dayFirst),
    };
}

function days(span, dayFirst) {
    if (!span) return "";
    const [first, last] = span;
    const order = `dates in numbers begin with the ${dayFirst ? "day" : "month"}`;
    return `${first === last ? first : `${first} to ${last}`} (${order})`;
}
