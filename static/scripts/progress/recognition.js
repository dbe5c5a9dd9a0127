import { ApiError, request } from "../lib/http.js";
import { counted } from "../lib/format.js";

/** The size of the part of a file that is sent for recognition, the server's limit. */
const FIRST_PART_BYTES = 256 * 1024;

/**
 * Ask the server what an import would recognise in a file; only the first part of the file is sent.
 *
 * @param {File} file
 * @param {AbortSignal} [signal]
 * @returns {Promise<object>} the response of `POST /api/imports/recognise`
 * @throws {ApiError} `UNREADABLE` if the browser cannot read the file; other codes if the request failed
 */
export async function recognise(file, signal) {
    const form = new FormData();
    form.set("filename", file.name);
    form.set("size", String(file.size));
    form.set("csvFile", new Blob([await firstPart(file)]), "part");
    return request("/api/imports/recognise", { method: "POST", form, signal });
}

async function firstPart(file) {
    try {
        return await file.slice(0, FIRST_PART_BYTES).arrayBuffer();
    } catch {
        throw new ApiError("UNREADABLE", "The file cannot be read: it is a folder, or it was moved or changed.");
    }
}

const DAY_FROM = {
    form: "as entered below",
    report: "from the report",
    data: "the latest date in the file",
    filename: "from the file name",
    today: "today, as the file has no date",
};

/**
 * What was recognised in a file, as texts by name; empty if there is nothing to show. Pure.
 *
 * @param {object} recognised the server's response
 * @param {{label: string, scanDate: string}} options the chosen options
 * @returns {{scanner: string, source: string, scanDate: string, rows: string, unused: string}}
 */
export function facts(recognised, { label, scanDate }) {
    const { scannerName, alternatives, sources, rows, rowsExact, columns, unusedColumns } = recognised;
    const exists = sources.includes(label);
    const [day, from] = scanDate ? [scanDate, DAY_FROM.form] : [recognised.scanDate, DAY_FROM[recognised.scanDateFrom]];
    const part = rowsExact || scanDate || recognised.scanDateFrom !== "data" ? "" : " (first part only)";
    return {
        scanner: alternatives.length > 0 ? `${scannerName} (or ${alternatives.join(", ")})` : scannerName,
        source: `${label || scannerName}${exists ? "" : ", a new source"}`,
        scanDate: `${day}, ${from}${part}`,
        rows: `${rowsExact ? "" : "about "}${counted(rowsExact ? rows : rounded(rows), "row")} with ${counted(columns, "column")}`,
        unused: unusedColumns.length > 0 ? `${counted(unusedColumns.length, "column")}: ${unusedColumns.join(", ")}` : "",
    };
}

/** Round an estimate to two digits. */
function rounded(value) {
    const unit = 10 ** Math.max(0, Math.floor(Math.log10(value)) - 1);
    return Math.round(value / unit) * unit;
}
