import assert from "node:assert/strict";
import { test } from "node:test";

import { oldestFirst } from "../../static/scripts/progress/imports.js";

const files = (...described) => described.map(([name, lastModified]) => ({ name, lastModified }));

const tables = [
    ["the one exported first comes first", files(["a", 9], ["b", 3], ["c", 5]), ["b", "c", "a"]],
    ["of the same instant the name tells", files(["scan-10.csv", 1], ["scan-9.csv", 1], ["scan-1.csv", 1]), ["scan-1.csv", "scan-9.csv", "scan-10.csv"]],
    ["days in names are in order", files(["2026-08-08.csv", 1], ["2026-08-01.csv", 1], ["2025-12-31.csv", 1]),
        ["2025-12-31.csv", "2026-08-01.csv", "2026-08-08.csv"]],
    ["one alone", files(["a", 9]), ["a"]],
    ["none", [], []],
];

for (const [what, chosen, expected] of tables) {
    test(what, () => {
        const before = [...chosen];
        assert.deepEqual(oldestFirst(chosen).map(({ name }) => name), expected);
        assert.deepEqual(chosen, before);
    });
}
