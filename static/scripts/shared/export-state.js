/**
 * What the corner of the page shows of an exported file on its way. Pure.
 *
 * @typedef {object} ExportView
 * @property {"running" | "completed" | "failed"} kind
 * @property {string} filename
 * @property {number} percent whole, 0..100
 * @property {string} text how far it is, or how it ended
 * @property {number} sequence of the snapshot it was made of
 */

import { bytes, counted } from "./format.js";

/**
 * @param {ExportView | null} view what was shown before
 * @param {object} snapshot of the export's session
 * @returns {ExportView} the same object if the snapshot is older
 */
export function exportView(view, { status, progress, metadata, error }) {
    if (view !== null && (metadata.sequence <= view.sequence || view.kind !== "running")) return view;
    const base = { filename: metadata.filename, percent: Math.floor(progress), sequence: metadata.sequence };
    if (status === "completed") return { ...base, kind: "completed", text: `${counted(metadata.findings ?? 0, "finding")}, ${bytes(metadata.bytes ?? 0)}` };
    if (status === "error") return { ...base, kind: "failed", text: error.detail };
    return { ...base, kind: "running", text: `${base.percent}% · ${counted(metadata.findings ?? 0, "finding")}` };
}
