import assert from "node:assert/strict";
import { test } from "node:test";

import { facts, recognise } from "../../static/scripts/progress/recognition.js";

const recognised = {
    scannerName: "Qualys VM", alternatives: [], sources: ["", "Berlin"], rows: 9850, rowsExact: true, columns: 30,
    unusedColumns: [], scanDate: "2026-08-20", scanDateFrom: "data",
};
const none = { label: "", scanDate: "" };

test("what was recognised is said in words", () => {
    assert.deepEqual(facts(recognised, none), {
        scanner: "Qualys VM", source: "Qualys VM", scanDate: "2026-08-20, the latest date in the file", rows: "9,850 rows with 30 columns", unused: "",
    });
});

test("of a part of a file rows and days are about right, and so it is said", () => {
    const texts = facts({ ...recognised, rowsExact: false }, none);
    assert.equal(texts.rows, "about 9,900 rows with 30 columns");
    assert.equal(texts.scanDate, "2026-08-20, the latest date in the file (first part only)");
});

test("what is chosen counts, and a source that is not on record is a new one", () => {
    const texts = facts(recognised, { label: "Rome", scanDate: "2026-08-01" });
    assert.equal(texts.source, "Rome, a new source");
    assert.equal(texts.scanDate, "2026-08-01, as entered below");
    assert.equal(facts(recognised, { ...none, label: "Berlin" }).source, "Berlin");
});

test("columns that are not used are named, and so are other scanners that it could be of", () => {
    const texts = facts({ ...recognised, unusedColumns: ["a", "b"], alternatives: ["Qualys VMDR"] }, none);
    assert.equal(texts.unused, "2 columns: a, b");
    assert.equal(texts.scanner, "Qualys VM (or Qualys VMDR)");
});

test("what the browser cannot read is told as such", async () => {
    const folder = { name: "folder", size: 4096, slice: () => ({ arrayBuffer: () => Promise.reject(new Error("NotFoundError")) }) };
    await assert.rejects(recognise(folder), { code: "UNREADABLE" });
});
