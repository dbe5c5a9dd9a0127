import assert from "node:assert/strict";
import { test } from "node:test";

import { exportView } from "../../static/scripts/progress/exports.js";

const snapshot = (status, progress, metadata = {}, error = undefined) => ({
    status, progress, error, metadata: { filename: "vulnerabilities.csv", sequence: 2, findings: 12_000, bytes: 1_400_000, ...metadata },
});

const cases = [
    ["a session that has begun", snapshot("initialized", 0, { findings: undefined, bytes: undefined }), "running", 0, "0% · 0 findings"],
    ["one on its way", snapshot("processing", 46.7), "running", 46, "46% · 12,000 findings"],
    ["one that is complete", snapshot("completed", 100), "completed", 100, "12,000 findings, 1.4 MB"],
    ["one of a single finding", snapshot("completed", 100, { findings: 1, bytes: 300 }), "completed", 100, "1 finding, 300 B"],
    ["one that was cut short", snapshot("error", 46.7, {}, { code: "INTERRUPTED", detail: "It ended." }), "failed", 46, "It ended."],
];
for (const [name, given, kind, percent, text] of cases) {
    test(`${name} is shown`, () => assert.deepEqual(exportView(null, given), { kind, percent, text, filename: "vulnerabilities.csv", sequence: 2 }));
}

test("what is older, or comes after the end, changes nothing", () => {
    const running = exportView(null, snapshot("processing", 46.7));
    assert.equal(exportView(running, snapshot("processing", 40, { sequence: 1 })), running);
    const ended = exportView(running, snapshot("completed", 100, { sequence: 3 }));
    assert.equal(ended.kind, "completed");
    assert.equal(exportView(ended, snapshot("processing", 90, { sequence: 4 })), ended);
});
