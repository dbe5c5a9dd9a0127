/**
 * Texts about several imports together: their progress and their results. Pure.
 */

import { count, counted } from "../lib/format.js";

const OUTCOMES = [
    ["completed", "imported"],
    ["failed", "failed"],
    ["cancelled", "cancelled"],
    ["awaiting", "waiting for your answer"],
];
const CHANGES = [
    ["inserted", "new"],
    ["reopened", "reopened"],
    ["resolved", "resolved"],
    ["rejected", "rejected"],
];
const ENDED = new Set(["completed", "failed", "cancelled"]);

/**
 * @param {import("./view.js").ProgressView[]} views
 * @returns {string} `3 files: 2 imported, 1 failed; 120 new, 4 resolved`
 */
export function summary(views) {
    const outcomes = OUTCOMES.map(([kind, word]) => [views.filter((view) => view.kind === kind).length, word]);
    const underWay = views.length - outcomes.reduce((sum, [number]) => sum + number, 0);
    return [`${counted(views.length, "file")}: ${listed([...outcomes, [underWay, "in progress"]])}`, changes(views)].filter(Boolean).join("; ");
}

/**
 * @param {import("./view.js").ProgressView[]} views
 * @returns {string} what the completed imports changed: `120 new, 4 resolved`; empty if none is completed
 */
export function changes(views) {
    const completed = views.filter(({ kind }) => kind === "completed");
    if (completed.length === 0) return "";
    return listed(CHANGES.map(([name, word]) => [completed.reduce((sum, { figures }) => sum + figures[name], 0), word])) || "nothing changed";
}

function listed(numbers) {
    return numbers
        .filter(([number]) => number > 0)
        .map(([number, word]) => `${count(number)} ${word}`)
        .join(", ");
}

/**
 * @param {{view: import("./view.js").ProgressView, size: number}[]} runs
 * @returns {number} an integer, 0..100: their total progress, weighted by file size
 */
export function percentOf(runs) {
    const weight = ({ size }) => Math.max(1, size);
    const total = runs.reduce((sum, run) => sum + weight(run), 0);
    const done = runs.reduce((sum, run) => sum + weight(run) * (ENDED.has(run.view.kind) ? 100 : run.view.percent), 0);
    return Math.floor(done / Math.max(1, total));
}

/**
 * @param {import("./view.js").ProgressView[]} views
 * @returns {"awaiting" | "running" | "failed" | "completed-with-rejects" | "completed" | "cancelled"} the state that determines their common colour
 */
export function toneOfAll(views) {
    if (views.some(({ kind }) => kind === "awaiting")) return "awaiting";
    if (views.some(({ kind }) => !ENDED.has(kind))) return "running";
    if (views.some(({ kind }) => kind === "failed")) return "failed";
    if (views.some(({ hasRejects }) => hasRejects)) return "completed-with-rejects";
    return views.some(({ kind }) => kind === "completed") ? "completed" : "cancelled";
}
