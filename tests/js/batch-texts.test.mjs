import assert from "node:assert/strict";
import { test } from "node:test";

import { changes, percentOf, summary, toneOfAll } from "../../static/scripts/progress/batch-texts.js";

const completed = (figures) => ({ kind: "completed", percent: 100, figures: { inserted: 0, reopened: 0, resolved: 0, rejected: 0, ...figures }, hasRejects: figures.rejected > 0 });
const of = (kind, percent = 50) => ({ kind, percent });

test("a summary counts outcomes and changes", () => {
    const views = [completed({ inserted: 100, resolved: 4 }), completed({ inserted: 20 }), of("failed")];
    assert.equal(summary(views), "3 files: 2 imported, 1 failed; 120 new, 4 resolved");
    assert.equal(summary([of("uploading"), of("awaiting"), of("cancelled")]), "3 files: 1 cancelled, 1 waiting for your answer, 1 in progress");
    assert.equal(changes([completed({})]), "nothing changed");
    assert.equal(changes([of("failed")]), "");
});

test("the total goes by the sizes of the files, and one that has ended counts as whole", () => {
    assert.equal(percentOf([{ view: of("running", 50), size: 300 }, { view: of("failed", 10), size: 100 }]), 62);
    assert.equal(percentOf([{ view: of("running", 50), size: 0 }, { view: of("waiting", 0), size: 0 }]), 25);
    assert.equal(percentOf([]), 0);
});

const tones = [
    [[of("running"), of("awaiting")], "awaiting"],
    [[of("running"), of("failed")], "running"],
    [[completed({}), of("failed")], "failed"],
    [[completed({ rejected: 1 }), completed({})], "completed-with-rejects"],
    [[completed({}), of("cancelled")], "completed"],
    [[of("cancelled")], "cancelled"],
];
for (const [views, expected] of tones) {
    test(`${views.map(({ kind }) => kind)} together are ${expected}`, () => assert.equal(toneOfAll(views), expected));
}
