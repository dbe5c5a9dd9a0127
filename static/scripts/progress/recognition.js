import { ApiError, request } from "../lib/http.js";
import { counted } from "../lib/format.js";

/** So much of a file is sent to be recognised, as the server takes it. */
const FIRST_PART_BYTES = 256 * 1024;

/**
 * Ask the server what an import would recognise of a file, by its first part: the file itself is not read as a whole.
 *
 * @param {File} file
 * @param {AbortSignal} [signal]
 * @returns {Promise<object>} the server's answer, see `POST /api/imports/recognise`
 * @throws {ApiError} `UNREADABLE` if the browser cannot read it; else the server did not answer as it should
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
        throw new ApiError("UNREADABLE", "It cannot be read: it is a folder, or was moved or changed since it was chosen.");
    }
}

const DAY_FROM = {
    form: "as entered below",
    report: "when the report says the scan ran",
    data: "the newest day in the file",
    filename: "from the file's name",
    today: "today, as the file does not say",
};

/**
 * What was recognised of a file, as texts by name; empty where there is nothing to say. Pure.
 *
 * @param {object} recognised the server's answer
 * @param {{label: string, scanDate: string}} options that are chosen for it
 * @returns {{scanner: string, source: string, scanDate: string, rows: string, unused: string}}
 */
export function facts(recognised, { label, scanDate }) {
    const { scannerName, alternatives, sources, rows, rowsExact, columns, unusedColumns } = recognised;
    const exists = sources.includes(label);
    const [day, from] = scanDate ? [scanDate, DAY_FROM.form] : [recognised.scanDate, DAY_FROM[recognised.scanDateFrom]];
    const part = rowsExact || scanDate || recognised.scanDateFrom !== "data" ? "" : " as far as it was read";
    return {
        scanner: alternatives.length > 0 ? `${scannerName} (or ${alternatives.join(", ")})` : scannerName,
        source: `${label || scannerName}${exists ? "" : ", a new source"}`,
        scanDate: `${day}, ${from}${part}`,
        rows: `${rowsExact ? "" : "about "}${counted(rowsExact ? rows : rounded(rows), "row")} with ${counted(columns, "column")}`,
        unused: unusedColumns.length > 0 ? `${counted(unusedColumns.length, "column")}: ${unusedColumns.join(", ")}` : "",
    };
}

/** A number that is only about right, to two digits. */
function rounded(value) {
    const unit = 10 ** Math.max(0, Math.floor(Math.log10(value)) - 1);
    return Math.round(value / unit) * unit;
}
