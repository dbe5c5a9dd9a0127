import assert from "node:assert/strict";
import { test } from "node:test";

import { differences, facts, hasEnded, origin, reading, rest, shownState, timeTaken } from "../../static/scripts/progress/import-texts.js";

const importData = {
    scannerName: "Tenable Vulnerability Management", source: "Berlin", mode: "hosts", fileSize: 256646, state: "completed",
    scanDate: "2026-08-20", createdAt: 0, duration: 800, undoneAt: null,
};
const change = (newCount, goneCount) => ({ new: { count: newCount, names: [] }, gone: { count: goneCount, names: [] } });

test("where a file is from", () => {
    assert.equal(origin(importData), "Tenable Vulnerability Management · Berlin · Resolve on its hosts only · 257\u00a0kB");
    assert.equal(origin({ ...importData, scannerName: "", vendor: "", source: "", mode: "full" }), "257\u00a0kB");
});

test("the facts of an import", () => {
    assert.match(facts(importData), / · Scan of 2026-08-20 · Imported 1 Jan 1970.* · in 0\.8 s$/);
    assert.doesNotMatch(facts({ ...importData, duration: null, scanDate: null }), /Scan of|· in /);
});

test("the time that an import took, step by step", () => {
    const stepSeconds = { reading: 2.14, promoting: 63, staging: 0.5 };
    assert.equal(timeTaken({ duration: 65_600, stepSeconds }), "1 min 6 s: read 2.1 s, prepare 0.5 s, save 1 min 3 s");
    assert.deepEqual([timeTaken({ duration: 800 }), timeTaken({ duration: null })], ["0.8 s", ""]);
});

test("an import that was undone is shown as such", () => {
    assert.equal(shownState(importData), "completed");
    assert.equal(shownState({ ...importData, undoneAt: 5 }), "undone");
});

test("an import with rejected rows is not shown as any other that is complete", () => {
    assert.equal(shownState({ ...importData, rejected: 1 }), "completed-with-rejects");
    assert.equal(shownState({ ...importData, rejected: 1, undoneAt: 5 }), "undone");
    assert.equal(shownState({ ...importData, rejected: 1, state: "staging" }), "staging");
});

for (const [state, ended] of [["completed", true], ["failed", true], ["cancelled", true], ["staging", false], ["awaiting-confirmation", false]]) {
    test(`${state} has ${ended ? "" : "not "}ended`, () => assert.equal(hasEnded({ state }), ended));
}

const summaries = [
    [undefined, ""],
    [{}, ""],
    [{ hosts: change(0, 0), cves: change(0, 0) }, ""],
    [{ hosts: change(1, 0), cves: change(0, 1200) }, "1 host new, 1,200 CVEs gone"],
    [{ hosts: change(2, 3), cves: change(4, 5) }, "2 hosts new, 3 hosts gone, 4 CVEs new, 5 CVEs gone"],
];
for (const [summary, sentence] of summaries) {
    test(`differences: ${sentence || "none"}`, () => assert.equal(differences(summary), sentence));
}

test("names that are left out are counted", () => {
    assert.equal(rest({ count: 2, names: ["a", "b"] }), "");
    assert.equal(rest({ count: 1202, names: ["a", "b"] }), "and 1,200 more");
});

const recognition = {
    format: "Nessus", confidence: 0.95, alternatives: [], encoding: "cp1252", delimiter: ";", headerLine: 3, columns: 30, unusedColumns: ["a", "b"],
    dates: { dayFirst: true, firstSeen: ["2026-01-01", "2026-02-03"], lastSeen: null },
};

test("how a file was read", () => {
    assert.deepEqual(reading(recognition), {
        format: "Nessus, 95 % sure",
        text: "cp1252, separated by semicolons, header on line 3",
        columns: "30 in the file, 28 used",
        unused: "a, b",
        firstSeen: "2026-01-01 to 2026-02-03 (numeric dates have the day first)",
        lastSeen: "",
    });
    assert.equal(reading({ ...recognition, alternatives: ["A", "B"] }).format, "Nessus, 95 % sure; it could be A or B");
});
