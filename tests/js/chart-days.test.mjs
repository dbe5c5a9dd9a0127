import assert from "node:assert/strict";
import { test } from "node:test";

import { axisLabels, secondsOf, withGaps } from "../../static/scripts/elements/chart-days.js";

const marks = (...days) => days.map(secondsOf);

test("the year stands where it begins, unless all is of this year", () => {
    assert.deepEqual(axisLabels(marks("2026-03-01", "2026-04-01"), { thisYear: 2026 }), ["1 Mar", "1 Apr"]);
    assert.deepEqual(axisLabels(marks("2025-12-01", "2026-01-01", "2026-02-01"), { thisYear: 2026 }), ["1 Dec\n2025", "1 Jan\n2026", "1 Feb"]);
    assert.deepEqual(axisLabels(marks("2025-03-01", "2025-04-01"), { thisYear: 2026 }), ["1 Mar\n2025", "1 Apr"]);
    assert.deepEqual(axisLabels([secondsOf("2026-03-01") + 43_200], { thisYear: 2026 }), [""]);
    assert.deepEqual(axisLabels(marks("2026-03", "2026-03-15"), { thisYear: 2026, byMonth: true }), ["Mar", ""]);
});

test("what a scan found stands until the next one, or for as long as nobody knows better", () => {
    const points = ["2026-08-01", "2026-08-08", "2026-09-20"].map((day) => ({ day }));
    const drawn = withGaps(points, 10, "2026-09-22").map(({ seconds, point }) => [(seconds - secondsOf("2026-08-01")) / 86_400, point?.day ?? null]);
    assert.deepEqual(drawn, [
        [0, "2026-08-01"],
        [7, "2026-08-08"],
        [17, "2026-08-08"],
        [17 + 1 / 86_400, null],
        [50, "2026-09-20"],
        [53, "2026-09-20"],
    ]);
    const [, end, gap, today] = withGaps(points.slice(0, 1), 10, "2026-08-31");
    assert.deepEqual([end.seconds, gap.point, today], [secondsOf("2026-08-11"), null, { seconds: secondsOf("2026-09-01"), point: null }]);
});
