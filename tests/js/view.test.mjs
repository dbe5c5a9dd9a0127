import assert from "node:assert/strict";
import { test } from "node:test";

import { acceptedView, endedView, isTerminal, isWorthRetrying, nextView, resumedView, uploadingView, waitingView } from "../../static/scripts/progress/view.js";

const SESSION = "6f1c2a34-0000-4000-8000-000000000000";
const start = waitingView({ sessionId: SESSION, filename: "scan.csv" });

function snapshot({ progress = 10, status = "processing", sequence = 1, message = "Working...", ...rest } = {}, metadata = {}) {
    return { sessionId: SESSION, progress, status, message, ...rest, metadata: { sequence, importId: 12, currentStep: 1, ...metadata } };
}

const completed = (sequence = 9) =>
    snapshot({ progress: 100, status: "completed", sequence, duration: 800 }, { inserted: 90, updated: 4, resolved: 5, rejected: 2, currentStep: 3 });
const failed = (code, sequence = 9) => snapshot({ status: "error", sequence, error: { code, detail: "It ended." } });

const follow = (...snapshots) => snapshots.reduce(nextView, start);

const kinds = [
    ["initialized", snapshot({ status: "initialized" }), "waiting", true],
    ["processing", snapshot(), "running", true],
    ["awaiting confirmation", snapshot({}, { awaitingConfirmation: true, wouldResolve: 412, openBefore: 530 }), "awaiting", true],
    ["awaiting no more", snapshot({}, { awaitingConfirmation: false }), "running", true],
    ["completed", completed(), "completed", false],
    ["an error", failed("UNKNOWN_FORMAT"), "failed", false],
    ["a cancel", failed("CANCELLED"), "cancelled", false],
];
for (const [name, given, kind, canCancel] of kinds) {
    test(`${name} is shown as ${kind}`, () => {
        const view = nextView(start, given);
        assert.equal(view.kind, kind);
        assert.equal(view.canCancel, canCancel);
        assert.equal(isTerminal(view), !canCancel);
    });
}

test("an import that is shown again goes on from where it stood", () => {
    const again = resumedView({ sessionId: SESSION, filename: "scan.csv", importId: 12, uploadShare: 0.2, percent: 61 });
    assert.deepEqual([again.kind, again.percent, again.canCancel], ["running", 61, true]);
    assert.equal(nextView(again, snapshot({ progress: 40 })).percent, 61);
    assert.equal(nextView(again, snapshot({ progress: 70 })).percent, 76);
});

test("an import without a number cannot be cancelled yet", () => {
    assert.equal(nextView(start, snapshot({}, { importId: undefined })).canCancel, false);
});

test("a snapshot with a lower sequence changes nothing", () => {
    const view = follow(snapshot({ sequence: 5, progress: 40 }));
    assert.equal(nextView(view, snapshot({ sequence: 4, progress: 60 })), view);
});

test("the same snapshot again is no harm: polling and joining answer it", () => {
    const view = follow(snapshot({ sequence: 5, progress: 40 }));
    assert.deepEqual(nextView(view, snapshot({ sequence: 5, progress: 40 })), view);
});

test("an end is applied whatever its sequence", () => {
    assert.equal(follow(snapshot({ sequence: 50 }), completed(3)).kind, "completed");
    assert.equal(follow(snapshot({ sequence: 50 }), failed("INTERNAL", 3)).kind, "failed");
});

test("nothing follows an end", () => {
    for (const end of [completed(), failed("DISK_FULL"), failed("CANCELLED")]) {
        const view = follow(end);
        assert.equal(nextView(view, snapshot({ sequence: 99 })), view);
        assert.equal(nextView(view, completed(99)), view);
    }
});

test("the percentage never goes back and is 100 only at the end", () => {
    const values = [0, 12.7, 9, 63.5, 99.9].map((progress, index) => snapshot({ progress, sequence: index + 1 }));
    const seen = [];
    values.reduce((view, value) => {
        const next = nextView(view, value);
        seen.push(next.percent);
        return next;
    }, start);
    assert.deepEqual(seen, [0, 12, 12, 63, 99]);
    assert.equal(follow(...values, completed()).percent, 100);
    assert.equal(follow(...values, failed("INTERNAL")).percent, 99);
});

const rows = [
    ["reading", { currentStep: 1, rowsRead: 4000, totalRows: 9850 }, "4,000 of 9,850"],
    ["reading a file of unknown length", { currentStep: 1, rowsRead: 4000, totalRows: null }, "4,000"],
    ["staging", { currentStep: 2, rowsRead: 9850, insertedToStaging: 5000, totalRows: 9850 }, "5,000 of 9,850"],
    ["staging without its own count", { currentStep: 2, rowsRead: 9850, totalRows: 9850 }, "9,850"],
    ["promoting", { currentStep: 3, rowsRead: 9850, insertedToStaging: 9840, totalRows: 9850 }, "9,850"],
    ["counted from the first second", { currentStep: 1, rowsDone: 1200, totalRows: 9850 }, "1,200 of 9,850"],
    ["nothing known", { currentStep: 1 }, ""],
];
for (const [name, metadata, expected] of rows) {
    test(`rows while ${name}`, () => assert.equal(follow(snapshot({}, metadata)).amountText, expected));
}

const times = [[null, ""], [undefined, ""], [0.3, "under 1 s"], [1.2, "1 s"], [42, "42 s"], [100, "1 min 40 s"]];
for (const [etaSeconds, expected] of times) {
    test(`time left of ${etaSeconds} s`, () => assert.equal(follow(snapshot({}, { etaSeconds })).etaText, expected));
}

test("speed and step are shown", () => {
    const view = follow(snapshot({}, { currentStep: 2, rowsPerSecond: 41234.7 }));
    assert.equal(view.rateText, "41,235/s");
    assert.equal(view.step, 2);
    assert.equal(view.stepLabel, "Preparing the rows");
});

const messages = [
    ["Staging complete. Processing 9850 records to final tables...", "Saving 9,850 findings…"],
    ["Loading data to staging table...", "Preparing the rows…"],
    ["Reading Nessus...", "Reading Nessus…"],
];
for (const [message, expected] of messages) {
    test(`${message} in plain words`, () => assert.equal(follow(snapshot({ message })).message, expected));
}

test("a confirmation is asked for in one sentence", () => {
    const view = follow(snapshot({}, { awaitingConfirmation: true, wouldResolve: 1412, openBefore: 1530 }));
    assert.equal(view.message, "This import would resolve 1,412 of 1,530 open findings of this source.");
});

test("the reasons of the guard are shown, and a preview needs none", () => {
    const guard = [{ reason: "share", sentence: "That is 92 %." }, { reason: "hosts", sentence: "40 of 50 hosts." }];
    const asked = { awaitingConfirmation: true, wouldResolve: 1412, openBefore: 1530, guard, mode: "full" };
    const view = follow(snapshot({}, asked));
    assert.deepEqual([view.reasons, view.mode], [["That is 92 %.", "40 of 50 hosts."], "full"]);
    assert.deepEqual(follow(snapshot({}, { ...asked, guard: undefined })).reasons, ["That is unusually many."]);
    assert.deepEqual(follow(snapshot({}, { ...asked, preview: true, guard: [] })).reasons, []);
    assert.deepEqual(nextView(view, snapshot({ sequence: 2 }, { ...asked, awaitingConfirmation: false })).reasons, []);
});

test("an end with rejected rows is shown as such", () => {
    const view = follow(completed());
    assert.equal(view.hasRejects, true);
    assert.equal(view.leftOut, "2 rows were rejected and not imported.");
    const clean = follow(snapshot({ status: "completed" }, { rejected: 0, warnings: ["Two dates."], summary: { unchecked: 1 } }));
    assert.equal(clean.hasRejects, false);
    assert.deepEqual(clean.warnings, ["Two dates."]);
    assert.equal(clean.leftOut, "1 open finding was left open: the rows about it could not be read or gave no verdict.");
    assert.equal(follow(snapshot({ status: "completed" })).leftOut, "");
    assert.equal(follow(snapshot({}, { rejected: 2 })).hasRejects, false);
});

test("the figures of an end are its own, not those that were foreseen", () => {
    const forecast = { inserted: 0, updated: 0, reopened: 0, resolved: 90, unchanged: 10, summary: { hosts: { new: { count: 3 }, gone: { count: 0 } } } };
    const view = follow(snapshot({ status: "completed" }, { resolved: 0, unchanged: 10, forecast }));
    assert.equal(view.figures.resolved, 0);
    assert.equal(view.differences, "");
});

test("a preview shows what the import would do", () => {
    const forecast = { inserted: 7, updated: 1, reopened: 0, resolved: 3, unchanged: 9, openBefore: 12 };
    const view = follow(snapshot({}, { awaitingConfirmation: true, preview: true, rejected: 2, forecast }));
    assert.deepEqual(view.figures, { inserted: 7, updated: 1, reopened: 0, resolved: 3, unchanged: 9, rejected: 2 });
    assert.equal(view.isPreview, true);
    assert.match(view.message, /^Nothing has changed yet/);
});

test("the end has all figures and the duration", () => {
    const view = follow(completed());
    assert.deepEqual(view.figures, { inserted: 90, updated: 4, reopened: 0, resolved: 5, unchanged: 0, rejected: 2 });
    assert.equal(view.duration, 800);
    assert.equal(follow(snapshot()).figures, null);
});

test("an error keeps its code and its sentence, which says more than what has failed", () => {
    assert.deepEqual(follow(failed("UNKNOWN_FORMAT")).error, { code: "UNKNOWN_FORMAT", detail: "It ended." });
    assert.equal(follow(failed("UNKNOWN_FORMAT")).message, "It ended.");
});

test("the upload is the first part of the bar, with a speed of its own", () => {
    const view = uploadingView(start, { loaded: 25_000_000, total: 100_000_000, elapsed: 4_000 });
    assert.equal(view.kind, "uploading");
    assert.equal(view.percent, 20); // 4 s of 16, and about 4 more of the import
    assert.equal(view.amountText, "25.0 MB of 100 MB");
    assert.equal(view.rateText, "6.3 MB/s");
    assert.equal(view.etaText, "16 s");
    assert.equal(view.canCancel, true);
});

test("a file that is sent after others says so, and can be cancelled", () => {
    const view = uploadingView(start, { loaded: 0, total: 100, elapsed: 0, waits: true });
    assert.deepEqual([view.kind, view.percent, view.message, view.canCancel], ["uploading", 0, "Waiting for other files to be sent…", true]);
});

test("the import goes on where the upload has ended", () => {
    const uploaded = uploadingView(start, { loaded: 100e6, total: 100e6, elapsed: 1_000 });
    assert.equal(uploaded.percent, 20);
    assert.equal(nextView(uploaded, snapshot({ progress: 50 })).percent, 60);
    const accepted = acceptedView(uploaded, { importId: 12 });
    assert.deepEqual([accepted.kind, accepted.percent, accepted.importId, accepted.canCancel], ["waiting", 20, 12, true]);
    assert.equal(nextView(accepted, snapshot({ progress: 50 })).percent, 60);
    assert.equal(nextView(waitingView({ ...accepted }), snapshot({ progress: 50 })).percent, 60); // as a reload finds it
});

test("an upload that begins anew does not move the bar back", () => {
    const before = uploadingView(start, { loaded: 90, total: 100, elapsed: 1_000 });
    assert.ok(before.percent > 0);
    assert.equal(uploadingView(before, { loaded: 0, total: 100, elapsed: 0 }).percent, before.percent);
});

test("an answer to the upload that is slower than the first snapshot changes only the number", () => {
    const view = follow(snapshot({ progress: 30 }, { importId: null }));
    assert.deepEqual(acceptedView(view, { importId: 12 }), { ...view, importId: 12, canCancel: true });
    assert.equal(acceptedView(follow(completed()), { importId: 12 }).canCancel, false);
});

test("an upload that failed is an end", () => {
    const view = endedView(start, { code: "DISK_FULL", detail: "There is no space left." });
    assert.equal(view.kind, "failed");
    assert.equal(isTerminal(view), true);
    assert.equal(nextView(view, snapshot({ sequence: 5 })), view);
    assert.equal(endedView(start, { code: "ABORTED", detail: "" }, "cancelled").kind, "cancelled");
});

for (const [view, expected] of [[follow(failed("INTERRUPTED")), true], [follow(failed("UNKNOWN_FORMAT")), false], [follow(failed("CANCELLED")), true], [follow(completed()), false]]) {
    test(`${view.kind}, ${view.error?.code}, is ${expected ? "" : "not "}worth retrying`, () => assert.equal(isWorthRetrying(view), expected));
}

test("what is open after an import is summed up", () => {
    const summary = { bySeverity: { critical: { open: 2 }, low: { open: 3 } } };
    assert.equal(follow(snapshot({ status: "completed" }, { summary })).openAfter, 5);
    assert.equal(follow(snapshot({}, { awaitingConfirmation: true, forecast: { summary } })).openAfter, 5);
    assert.equal(follow(completed()).openAfter, null);
});
