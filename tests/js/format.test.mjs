import assert from "node:assert/strict";
import { test } from "node:test";

import { ago, bytes, count, counted, duration, instant, roughly, score } from "../../static/scripts/lib/format.js";

const NOW = Date.UTC(2026, 7, 20, 12, 0, 0);
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const tables = [
    [count, [[0, "0"], [9850, "9,850"], [1234567, "1,234,567"], [null, "–"], [undefined, "–"], [NaN, "–"]]],
    [roughly, [[0, "0"], [950, "950"], [1250, "1.25K"], [1_250_000, "1.25M"], [5_000_000, "5M"], [null, "–"]]],
    [score, [[6.7, "6.7"], [10, "10.0"], [0, "0.0"], [1312.44, "1,312.4"], [null, "–"]]],
    [bytes, [[0, "0 B"], [999, "999 B"], [256646, "257 kB"], [999_600, "1.0 MB"], [12_340_000, "12.3 MB"], [840_000_000, "840 MB"],
        [2_500_000_000_000_000, "2,500 TB"], [null, "–"]]],
    [duration, [[0, "0.0 s"], [800, "0.8 s"], [9_949, "9.9 s"], [9_960, "10 s"], [59_400, "59 s"], [95_000, "1 min 35 s"], [3_600_000, "1 h 0 min"],
        [7_380_000, "2 h 3 min"], [null, "–"]]],
    [(age) => ago(NOW - age, NOW, "UTC"), [[0, "just now"], [-3 * SECOND, "just now"], [44 * SECOND, "just now"], [50 * SECOND, "1 minute ago"],
        [12 * MINUTE, "12 minutes ago"], [HOUR, "1 hour ago"], [23 * HOUR, "23 hours ago"], [DAY, "yesterday"], [9 * DAY, "9 days ago"],
        [31 * DAY, "20 Jul 2026"]]],
];

for (const [format, cases] of tables) {
    for (const [value, expected] of cases) {
        test(`${format.name || "ago"}(${value}) is ${expected}`, () => assert.equal(format(value), expected));
    }
}

test("a noun follows its number", () => {
    assert.deepEqual([0, 1, 2].map((value) => counted(value, "row")), ["0 rows", "1 row", "2 rows"]);
});

test("an instant is in the reader's zone and names it", () => {
    assert.equal(instant(NOW, "UTC"), "20 Aug 2026, 12:00:00 UTC");
    assert.equal(instant(NOW, "Asia/Tokyo"), "20 Aug 2026, 21:00:00 GMT+9");
    assert.equal(instant(null), "–");
});

test("an unknown instant is not a time ago", () => assert.equal(ago(null), "–"));
