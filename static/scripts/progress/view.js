/**
 * The state of the modal, as a pure function of the previous state and the latest snapshot.
 *
 * @typedef {"uploading" | "waiting" | "running" | "awaiting" | "completed" | "failed" | "cancelled"} Kind
 *
 * @typedef {object} ProgressView
 * @property {Kind} kind
 * @property {string} sessionId
 * @property {string} filename
 * @property {number | null} importId
 * @property {number} sequence of the last snapshot that was applied
 * @property {number} percent an integer, 0..100: the share of the total time of upload and import that has passed
 * @property {number} uploadShare the part of it that the upload takes, 0..1; 0 if this page did not send the file
 * @property {number} step 0 upload, 1 read, 2 prepare (staging), 3 save (promotion), 4 done
 * @property {string} stepLabel
 * @property {string} message
 * @property {string} amountText rows, or bytes while uploading
 * @property {string} rateText
 * @property {string} etaText
 * @property {Record<string, number> | null} figures the final ones, or those to confirm
 * @property {string} differences the hosts and CVEs that are new or gone
 * @property {string[]} reasons why it asks for confirmation; empty for a requested preview
 * @property {string[]} warnings
 * @property {string} leftOut the rows and findings that a completed import could not process
 * @property {boolean} hasRejects whether it is complete, but with rejected rows
 * @property {string} mode what it resolves, while it waits for confirmation
 * @property {boolean} isPreview whether the user asked to see the figures first
 * @property {number | null} duration ms
 * @property {{code: string, detail: string} | null} error
 * @property {boolean} canCancel
 * @property {number | null} sourceId of a completed import
 * @property {number | null} openAfter how many findings of its source are open after it, or would be
 */

import { bytes, count, counted, duration } from "../lib/format.js";
import { differences, leftOut, question, reasons } from "./import-texts.js";

/** The final figures, in the order in which they are shown. */
export const FIGURES = ["inserted", "updated", "reopened", "resolved", "unchanged", "rejected"];

const STEPS = ["Uploading the file", "Reading the file", "Preparing the rows", "Saving the findings", "Done"];
const IN_PLAIN_WORDS = { "Loading data to staging table...": "Preparing the rows…", "Updating the final tables...": "Saving the findings…" };
const TERMINAL = new Set(["completed", "failed", "cancelled"]);

/** Roughly how many bytes of a file are imported in a second, to estimate the share of the upload before the server reports the duration. */
const IMPORTED_PER_SECOND = 25e6;

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

/**
 * @param {ProgressView} view
 * @returns {boolean} whether nothing can follow
 */
export function isTerminal(view) {
    return TERMINAL.has(view.kind);
}

/**
 * The initial state of an import.
 *
 * @param {{sessionId: string, filename?: string, importId?: number | null, uploadShare?: number}} details
 * @returns {ProgressView}
 */
export function waitingView({ sessionId, filename = "", importId = null, uploadShare = 0 }) {
    return {
        kind: "waiting",
        sessionId,
        filename,
        importId,
        sequence: 0,
        percent: Math.floor(100 * uploadShare),
        uploadShare,
        step: 1,
        stepLabel: STEPS[1],
        message: "Waiting for the server to start…",
        amountText: "",
        rateText: "",
        etaText: "",
        figures: null,
        differences: "",
        reasons: [],
        warnings: [],
        leftOut: "",
        hasRejects: false,
        mode: "",
        isPreview: false,
        duration: null,
        error: null,
        canCancel: importId !== null,
        sourceId: null,
        openAfter: null,
    };
}

/**
 * The state of a running import that is shown again, until its next snapshot.
 *
 * @param {{sessionId: string, filename: string, importId: number, uploadShare: number, percent: number}} details what was shown of it before
 * @returns {ProgressView}
 */
export function resumedView({ percent, ...details }) {
    return { ...waitingView(details), kind: "running", percent, message: "" };
}

/**
 * The upload, which is the first part of the progress bar.
 *
 * @param {ProgressView} view
 * @param {{loaded: number, total: number, elapsed: number, waits?: boolean}} sent bytes, bytes, ms; whether other files are sent first
 * @returns {ProgressView}
 */
export function uploadingView(view, { loaded, total, elapsed, waits = false }) {
    const passed = elapsed / 1000;
    const perSecond = passed > 0 ? loaded / passed : 0;
    const left = perSecond > 0 ? (total - loaded) / perSecond : Infinity;
    const toImport = total / IMPORTED_PER_SECOND;
    const uploadShare = passed > 0 ? passed / (passed + left + toImport) : 0;
    const sentAll = total > 0 && loaded >= total;
    return {
        ...view,
        kind: "uploading",
        step: 0,
        stepLabel: STEPS[0],
        percent: Math.max(view.percent, Math.floor(100 * uploadShare)),
        uploadShare,
        message: waits ? "Waiting for other files to be sent…" : sentAll ? "Sent. Waiting for the server to store the file…" : "Uploading the file…",
        amountText: `${bytes(loaded)} of ${bytes(total)}`,
        rateText: perSecond > 0 ? `${bytes(perSecond)}/s` : "",
        etaText: perSecond > 0 ? timeLeft(left + toImport) : "",
        canCancel: true,
    };
}

/**
 * The server has stored the file. Snapshots may have arrived before its response.
 *
 * @param {ProgressView} view
 * @param {{importId: number}} answer
 * @returns {ProgressView}
 */
export function acceptedView(view, { importId }) {
    if (view.kind !== "uploading") return { ...view, importId, canCancel: !isTerminal(view) };
    return { ...waitingView({ ...view, importId }), percent: view.percent };
}

/**
 * An end without a snapshot: the upload failed or was cancelled.
 *
 * @param {ProgressView} view
 * @param {{code: string, detail: string}} error
 * @param {"failed" | "cancelled"} [kind]
 * @returns {ProgressView}
 */
export function endedView(view, { code, detail }, kind = "failed") {
    return { ...view, kind, message: detail, error: { code, detail }, etaText: "", canCancel: false };
}

/**
 * Apply a snapshot. A snapshot that is older than the current one, or comes after the end, changes nothing: the same view is returned. The
 * end itself is always applied, and the percentage never decreases.
 *
 * @param {ProgressView} view
 * @param {object} snapshot as the server sends it
 * @returns {ProgressView}
 */
export function nextView(view, snapshot) {
    const kind = kindOf(snapshot);
    const { metadata = {}, error = null } = snapshot;
    const sequence = isNumber(metadata.sequence) ? metadata.sequence : view.sequence;
    if (isTerminal(view) || (sequence < view.sequence && !TERMINAL.has(kind))) return view;

    const importId = metadata.importId ?? view.importId;
    const progress = 100 * view.uploadShare + (1 - view.uploadShare) * (snapshot.progress ?? 0);
    const step = kind === "completed" ? STEPS.length - 1 : Math.max(1, metadata.currentStep ?? 1);
    return {
        ...view,
        kind,
        importId,
        sequence,
        filename: metadata.filename || view.filename,
        percent: kind === "completed" ? 100 : Math.min(99, Math.max(view.percent, Math.floor(progress))),
        step,
        stepLabel: STEPS[step] ?? "",
        message: kind === "awaiting" ? question(metadata) : (error?.detail ?? inPlainWords(snapshot.message ?? metadata.message ?? "")),
        amountText: rows(metadata, step),
        rateText: isNumber(metadata.rowsPerSecond) ? `${count(metadata.rowsPerSecond)}/s` : "",
        etaText: kind === "running" ? timeLeft(metadata.etaSeconds) : "",
        figures: figures(kind, metadata),
        differences: differences(kind === "awaiting" ? metadata.forecast?.summary : metadata.summary),
        reasons: kind === "awaiting" ? reasons(metadata) : [],
        warnings: kind === "awaiting" || kind === "completed" ? (metadata.warnings ?? []) : [],
        leftOut: kind === "completed" ? leftOut(metadata) : "",
        hasRejects: kind === "completed" && metadata.rejected > 0,
        mode: metadata.mode ?? "",
        isPreview: metadata.preview === true,
        duration: snapshot.duration ?? metadata.duration ?? null,
        error,
        canCancel: importId !== null && !TERMINAL.has(kind),
        sourceId: metadata.sourceId ?? null,
        openAfter: openAfter(kind === "awaiting" ? metadata.forecast?.summary : metadata.summary),
    };
}

/** Errors in the file itself, for which another attempt would fail as well. */
const OF_THE_FILE = new Set(["UNREADABLE_CSV", "UNKNOWN_FORMAT", "MISSING_COLUMNS", "UPLOAD_TOO_LARGE", "HTTP_413", "BAD_REQUEST"]);

/**
 * @param {ProgressView} view
 * @returns {boolean} whether the import may succeed if it is tried again
 */
export function isWorthRetrying({ kind, error }) {
    return kind === "cancelled" || (kind === "failed" && !OF_THE_FILE.has(error?.code));
}

/** The messages that other clients expect speak of tables; a reader of the page wants to know what it means. */
function inPlainWords(message) {
    const [, staged] = /^Staging complete\. Processing (\d+) records/.exec(message) ?? [];
    if (staged) return `Saving ${counted(Number(staged), "finding")}…`;
    return IN_PLAIN_WORDS[message] ?? message.replace(/\.{3}$/, "…");
}

function openAfter(summary) {
    const severities = Object.values(summary?.bySeverity ?? {});
    return severities.length > 0 ? severities.reduce((sum, { open }) => sum + open, 0) : null;
}

/** @returns {Kind} */
function kindOf({ status, error, metadata = {} }) {
    if (status === "completed") return "completed";
    if (status === "error") return error?.code === "CANCELLED" ? "cancelled" : "failed";
    if (metadata.awaitingConfirmation) return "awaiting";
    return status === "initialized" ? "waiting" : "running";
}

function rows({ rowsDone, rowsRead, insertedToStaging, totalRows }, step) {
    const done = rowsDone ?? (step === 2 && isNumber(insertedToStaging) ? insertedToStaging : rowsRead);
    if (!isNumber(done)) return isNumber(totalRows) ? count(totalRows) : "";
    return isNumber(totalRows) && totalRows > done ? `${count(done)} of ${count(totalRows)}` : count(done);
}

function timeLeft(seconds) {
    if (!isNumber(seconds)) return "";
    return seconds < 1 ? "under 1 s" : duration(Math.max(1, Math.round(seconds)) * 1000).replace(/\.0(?= s$)/, "");
}

function figures(kind, metadata) {
    if (kind !== "completed" && kind !== "awaiting") return null;
    const source = kind === "awaiting" ? { ...metadata, ...metadata.forecast } : metadata;
    return Object.fromEntries(FIGURES.map((name) => [name, source[name] ?? 0]));
}
