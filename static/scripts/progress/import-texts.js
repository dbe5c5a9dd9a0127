/**
 * Texts about an import, from a response of the API or the metadata of a snapshot. Pure.
 */

import { bytes, count, counted, duration, instant } from "../lib/format.js";

export const STATES = {
    queued: "Queued",
    reading: "Reading",
    staging: "Preparing",
    promoting: "Saving",
    completed: "Completed",
    "completed-with-rejects": "Completed with rejects",
    failed: "Failed",
    cancelled: "Cancelled",
    undone: "Undone",
    "awaiting-confirmation": "Needs confirmation",
    preview: "Preview",
};
const MODES = { hosts: "Resolve on its hosts only", delta: "Leave the others open" };
const ENDED = new Set(["completed", "failed", "cancelled"]);

/**
 * @param {object} importData from the API
 * @returns {boolean} whether it can no longer change
 */
export function hasEnded(importData) {
    return ENDED.has(importData.state);
}

/**
 * @param {object} importData
 * @returns {keyof STATES} the state to show; undone imports, imports with rejected rows and previews have their own
 */
export function shownState(importData) {
    if (importData.undoneAt) return "undone";
    if (importData.state === "awaiting-confirmation" && importData.preview) return "preview";
    return importData.state === "completed" && importData.rejected > 0 ? "completed-with-rejects" : importData.state;
}

/**
 * @param {object} importData
 * @returns {boolean} whether it changed nothing and can be deleted
 */
export function isDeletable(importData) {
    return importData.state === "failed" || importData.state === "cancelled";
}

/** The texts of the dialog that confirms the deletion of an import. */
export function deletion({ filename }) {
    return { title: "Delete this import?", text: `The import of ${filename} did not change any findings. Its entry and its file will be deleted.`, agree: "Delete" };
}

const VIEW_TEXTS = {
    uploading: (view) => (view.percent > 0 ? `Uploading ${view.percent}%` : "Waiting to be sent"),
    waiting: () => "Waiting to start",
    running: (view) => `${view.percent}%`,
    awaiting: (view) => (view.isPreview ? "Preview is ready" : "Needs your confirmation"),
    completed: (view) => (view.hasRejects ? `Complete, ${counted(view.figures.rejected, "row")} rejected` : "Complete"),
    failed: () => "Failed",
    cancelled: () => "Cancelled",
};

/**
 * @param {import("./view.js").ProgressView} view
 * @returns {string} a short text about its progress
 */
export function progressText(view) {
    return VIEW_TEXTS[view.kind](view);
}

/**
 * @param {import("./view.js").ProgressView} view
 * @returns {string} the state that determines its colour
 */
export function toneOf(view) {
    if (view.hasRejects) return "completed-with-rejects";
    return view.kind === "awaiting" && view.isPreview ? "preview" : view.kind;
}

/** Scanner, source, mode and size of an import. */
export function origin(importData) {
    const size = bytes(importData.fileSize).replace(" ", "\u00a0"); // a line does not end between a number and its unit
    return [importData.scannerName || importData.vendor, importData.source, MODES[importData.mode], size].filter(Boolean).join(" · ");
}

/** A line of facts for the import's page. */
export function facts(importData) {
    return [
        `Import ${importData.importId}`,
        origin(importData),
        importData.scanDate && `Scan of ${importData.scanDate}`,
        `Imported ${instant(importData.createdAt)}${importData.startedBy ? ` by ${importData.startedBy}` : ""}`,
        importData.duration === null ? "" : `in ${duration(importData.duration)}`,
    ]
        .filter(Boolean)
        .join(" · ");
}

const STEPS = { reading: "read", staging: "prepare", promoting: "save" };

/**
 * @param {{duration: number | null, stepSeconds?: Record<string, number>}} importData
 * @returns {string} how long it took, step by step; empty before it has ended
 */
export function timeTaken({ duration: taken, stepSeconds = {} }) {
    if (taken === null) return "";
    const steps = Object.entries(STEPS).filter(([name]) => name in stepSeconds).map(([name, step]) => `${step} ${duration(stepSeconds[name] * 1000)}`);
    return [duration(taken), steps.join(", ")].filter(Boolean).join(": ");
}

/** The text below a list of names that was cut. */
export function rest({ count: total, names }) {
    return total > names.length ? `and ${count(total - names.length)} more` : "";
}

const DELIMITERS = { ",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars" };

/**
 * How a file was read, as texts by name; empty if there is nothing to show.
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
    const order = `numeric dates have the ${dayFirst ? "day" : "month"} first`;
    return `${first === last ? first : `${first} to ${last}`} (${order})`;
}

/** @param {object} importData of a completed import @returns {string} what its undo reverts */
export function whatUndoReverts(importData) {
    const { filename, scanDate, inserted, updated, reopened, resolved } = importData;
    const scan = [`${filename}, ${origin(importData)}`, scanDate && `scan of ${scanDate}`].filter(Boolean).join(", ");
    const changes = `${count(inserted)} new, ${count(updated)} updated, ${count(reopened)} reopened, ${count(resolved)} resolved`;
    return `All changes of this import will be reverted (${scan}: ${changes}). To redo them, import the file again.`;
}

/**
 * @param {{preview: boolean, wouldResolve: number, openBefore: number}} importData that awaits confirmation
 * @returns {string}
 */
export function question({ preview, wouldResolve, openBefore }) {
    if (preview) return "Nothing has changed yet. This is what the import would do.";
    return `This import would resolve ${count(wouldResolve)} of ${counted(openBefore, "open finding")} of this source.`;
}

/**
 * @param {{preview: boolean, guard?: {sentence: string}[]}} importData that awaits confirmation
 * @returns {string[]} why it asks; for a requested preview only the reasons that it has anyway
 */
export function reasons({ preview, guard }) {
    if (guard?.length > 0) return guard.map(({ sentence }) => sentence);
    return preview ? [] : ["That is unusually many."];
}

/**
 * @param {{rejected?: number, summary?: {unchecked?: number}}} importData of a completed import
 * @returns {string} which rows and findings it could not process; empty if there are none
 */
export function leftOut({ rejected = 0, summary }) {
    const unchecked = summary?.unchecked ?? 0;
    const [were, them] = unchecked === 1 ? ["was", "it"] : ["were", "them"];
    return [
        rejected > 0 && `${counted(rejected, "row")} ${rejected === 1 ? "was" : "were"} rejected and not imported.`,
        unchecked > 0 && `${counted(unchecked, "open finding")} ${were} left open: the rows about ${them} could not be read or gave no verdict.`,
    ]
        .filter(Boolean)
        .join(" ");
}

/**
 * The hosts and CVEs that are new or gone, in one sentence; empty if none are.
 *
 * @param {object | undefined} summary of an import
 */
export function differences(summary) {
    const parts = [
        ["host", summary?.hosts],
        ["CVE", summary?.cves],
    ].flatMap(([noun, change]) => [
        change?.new.count ? `${counted(change.new.count, noun)} new` : "",
        change?.gone.count ? `${counted(change.gone.count, noun)} gone` : "",
    ]);
    return parts.filter(Boolean).join(", ");
}
