import { debug } from "../lib/debug.js";
import { request } from "../lib/http.js";
import { signIn } from "../lib/sign-in.js";
import { local, session } from "../lib/storage.js";
import { ImportRun } from "./import-run.js";
import { WebSocketClient } from "./websocket-client.js";

const RUNNING_KEY = "hextrackr_imports"; // shared by all tabs, so that an import that was started in one is shown in the others
const SHOWN_KEY = "hextrackr_import_shown"; // of this tab: the modal to show again after a reload
const BATCH_KEY = "hextrackr_import_batch"; // of this tab: the files that were imported together, including finished ones
const DISMISS_AFTER_MS = 8_000;
const UNFINISHED = "/api/imports?unfinished=true&limit=10";
const LOOK_EVERY_MS = 5_000;

/**
 * The imports that this page follows, and which of them the modal shows. Running imports are stored in the browser, so that they are found
 * again after a reload or on another page. Files that were imported together are a batch, with one list and one total.
 *
 * Events: `change` after every visible change; `progressed` when an import has changed its state, so that lists are out of date.
 */
class Imports extends EventTarget {
    #client = new WebSocketClient();
    #discovery = new ImportDiscovery((details) => this.found(details));
    #runs = new Map();
    #shownId = null;
    #batch = []; // the session ids of its imports
    #batchShown = false;
    #dismissed = new Set();
    #sent = null; // a promise that resolves when all files chosen so far have been sent
    #reconnect = () => {
        if (this.#runs.size > 0) this.#client.connect().catch(() => {});
    };
    #warnBeforeLeaving = (event) => {
        if (this.all.some((run) => run.view.kind === "uploading")) event.preventDefault();
    };

    /** @returns {ImportRun[]} in the order in which they started */
    get all() {
        return [...this.#runs.values()];
    }

    /** @returns {ImportRun | null} the one in the modal */
    get shown() {
        return this.#runs.get(this.#shownId) ?? null;
    }

    /** @returns {ImportRun[]} those of the batch; none if there is no batch */
    get batch() {
        return this.#batch.map((sessionId) => this.#runs.get(sessionId)).filter(Boolean);
    }

    /** @returns {boolean} whether the batch is shown */
    get batchShown() {
        return this.#batchShown && this.#batch.length > 0;
    }

    /** Follow the imports again that were running when the page was left. */
    start() {
        addEventListener("online", this.#reconnect);
        addEventListener("beforeunload", this.#warnBeforeLeaving);
        const shownId = session.json(SHOWN_KEY, null);
        for (const details of local.json(RUNNING_KEY, [])) {
            this.#add(details).follow();
            if (details.sessionId === shownId) this.#shownId = shownId;
        }
        const batch = session.json(BATCH_KEY, { runs: [], shown: false });
        this.#batch = batch.runs.map(({ sessionId }) => sessionId);
        this.#batchShown = batch.shown;
        for (const details of batch.runs) {
            if (!this.#runs.has(details.sessionId)) this.#add(details).follow();
        }
        this.#discovery.start();
        this.#changed();
    }

    /** Stop following all imports; they remain stored. */
    stop() {
        removeEventListener("online", this.#reconnect);
        removeEventListener("beforeunload", this.#warnBeforeLeaving);
        this.#discovery.stop();
        this.#rememberProgress();
        for (const run of this.all) run.stop();
        this.#runs.clear();
        this.#batch = [];
        this.#client.disconnect();
        this.#changed();
    }

    /** Start again on a page from the back/forward cache, which may be out of date. */
    resume() {
        this.start();
        this.#progressed();
    }

    /**
     * Import files and show their progress. They are sent one after another, oldest first, so that the server imports them in this order.
     *
     * @param {File[]} files
     * @param {() => FormData} options makes the form's other fields, once for each
     * @returns {ImportRun[]}
     */
    upload(files, options) {
        const runs = oldestFirst(files).map((file) => {
            const run = this.#add({ filename: file.name });
            this.#sent = run.upload(file, options(), this.#sent);
            return run;
        });
        if (runs.length === 1) this.show(runs[0].sessionId);
        if (runs.length > 1) {
            this.#batch.push(...runs.map(({ sessionId }) => sessionId));
            this.hide();
            this.showBatch();
        }
        return runs;
    }

    /**
     * Replace an import that failed or was cancelled with another attempt. If that is not possible, its `notice` says why.
     *
     * @param {string} sessionId
     */
    async retry(sessionId) {
        const run = this.#runs.get(sessionId);
        const again = await run.retry();
        if (again === null || !this.#runs.has(sessionId)) return;
        const next = this.#add({ ...again, filename: run.view.filename });
        this.#batch = this.#batch.map((other) => (other === sessionId ? next.sessionId : other));
        if (again.file) {
            this.#sent = next.upload(again.file, again.form, this.#sent);
        } else {
            this.#remember(next);
            next.follow();
        }
        if (run === this.shown) this.show(next.sessionId);
        this.dismiss(sessionId);
    }

    /**
     * Show a running import, whoever started it.
     *
     * @param {{sessionId: string, filename: string, importId: number}} details
     */
    open(details) {
        this.#dismissed.delete(details.sessionId);
        if (!this.#runs.has(details.sessionId)) {
            const run = this.#add(details);
            this.#remember(run);
            run.follow();
        }
        this.show(details.sessionId);
    }

    /**
     * Follow an import that is running on the server, without opening the modal.
     *
     * @param {{sessionId: string, filename: string, importId: number}} details
     */
    found(details) {
        if (this.#runs.has(details.sessionId) || this.#dismissed.has(details.sessionId)) return;
        this.#add(details).follow();
        this.#progressed();
        this.#changed();
    }

    /**
     * Show an import in the modal.
     *
     * @param {string} sessionId
     */
    show(sessionId) {
        const before = this.shown;
        this.#shownId = sessionId;
        session.put(SHOWN_KEY, sessionId);
        if (before?.ended && before.sessionId !== sessionId && !this.#batch.includes(before.sessionId)) this.dismiss(before.sessionId);
        this.#changed();
    }

    /** Close the modal. A running import continues in the background. */
    hide() {
        const run = this.shown;
        this.#shownId = null;
        session.put(SHOWN_KEY, null);
        if (run?.ended && !this.#batch.includes(run.sessionId)) this.dismiss(run.sessionId);
        this.#changed();
    }

    /** Show the batch. */
    showBatch() {
        this.#batchShown = true;
        this.#rememberBatch();
        this.#changed();
    }

    /** Close the batch, but keep it in the background even if it has finished. */
    putBatchAside() {
        this.#batchShown = false;
        this.#rememberBatch();
        this.#changed();
    }

    /** Close the batch. Its running imports continue in the background; a finished batch is removed. */
    hideBatch() {
        this.putBatchAside();
        if (!this.batch.every((run) => run.ended)) return;
        for (const sessionId of [...this.#batch]) this.dismiss(sessionId);
    }

    /**
     * Stop following an import.
     *
     * @param {string} sessionId
     */
    dismiss(sessionId) {
        this.#runs.get(sessionId)?.stop();
        this.#runs.delete(sessionId);
        this.#dismissed.add(sessionId);
        this.#forget(sessionId);
        if (this.#batch.includes(sessionId)) {
            this.#batch = this.#batch.filter((other) => other !== sessionId);
            this.#rememberBatch();
        }
        if (this.#shownId === sessionId) this.hide();
        if (this.#runs.size === 0) this.#client.disconnect(); // an idle page costs the server nothing
        this.#changed();
    }

    #add(details) {
        const run = new ImportRun(this.#client, details);
        this.#runs.set(run.sessionId, run);
        let kind = run.view.kind;
        run.addEventListener("change", () => {
            if (run.view.kind !== kind) {
                kind = run.view.kind;
                this.#entered(run);
            }
            this.#changed();
        });
        run.addEventListener("unknown", () => this.dismiss(run.sessionId));
        return run;
    }

    #entered(run) {
        if (run.ended) {
            this.#forget(run.sessionId);
            if (run.view.kind === "completed" && !run.view.hasRejects) setTimeout(() => this.#dismissUnseen(run), DISMISS_AFTER_MS);
        } else if (run.view.kind !== "uploading") {
            this.#remember(run);
        }
        if (this.#batch.includes(run.sessionId)) this.#rememberBatch();
        this.#progressed();
    }

    #dismissUnseen(run) {
        const isSeen = run === this.shown || this.#batch.includes(run.sessionId);
        if (this.#runs.get(run.sessionId) === run && !isSeen) this.dismiss(run.sessionId);
    }

    #remember({ sessionId, details }) {
        const others = local.json(RUNNING_KEY, []).filter((other) => other.sessionId !== sessionId);
        local.put(RUNNING_KEY, [...others, details]);
    }

    /** Store how far the stored imports are, for the next page. */
    #rememberProgress() {
        const stored = local.json(RUNNING_KEY, []);
        local.put(RUNNING_KEY, stored.map((details) => this.#runs.get(details.sessionId)?.details ?? details));
        if (this.#batch.length > 0) this.#rememberBatch();
    }

    #forget(sessionId) {
        local.put(RUNNING_KEY, local.json(RUNNING_KEY, []).filter((other) => other.sessionId !== sessionId));
    }

    /** The imports that the server has; a file that was not sent is lost with the page. */
    #rememberBatch() {
        const runs = this.batch.filter(({ view }) => view.importId !== null).map(({ details }) => details);
        session.put(BATCH_KEY, runs.length > 0 ? { runs, shown: this.#batchShown } : null);
    }

    #changed() {
        this.dispatchEvent(new Event("change"));
    }

    /** An import waits for earlier imports of other users, so look for these as well. */
    #progressed() {
        this.dispatchEvent(new Event("progressed"));
        this.#discovery.look();
    }
}

/**
 * Finds the running imports on the server, whoever started them, so that every page shows them.
 */
class ImportDiscovery {
    #found;
    #active = false;
    #timer = null;
    #request = null;
    #onVisible = () => document.visibilityState === "visible" && this.look();
    #onStorage = () => this.look(); // another tab has started an import
    #onResumed = () => this.look();

    /** @param {(importData: object) => void} found */
    constructor(found) {
        this.#found = found;
    }

    start() {
        this.#active = true;
        document.addEventListener("visibilitychange", this.#onVisible);
        addEventListener("storage", this.#onStorage);
        signIn.addEventListener("resumed", this.#onResumed);
        this.look();
    }

    stop() {
        this.#active = false;
        document.removeEventListener("visibilitychange", this.#onVisible);
        removeEventListener("storage", this.#onStorage);
        signIn.removeEventListener("resumed", this.#onResumed);
        clearTimeout(this.#timer);
        this.#request?.abort();
    }

    /** Look now, and every few seconds from now on. */
    async look() {
        if (!this.#active || signIn.hasEnded) return;
        clearTimeout(this.#timer);
        this.#request?.abort();
        const { signal } = (this.#request = new AbortController());
        try {
            if (document.visibilityState === "visible") {
                const { data } = await request(UNFINISHED, { signal });
                for (const importData of data.toReversed()) this.#found(importData);
            }
        } catch (error) {
            if (error.name === "AbortError") return;
            debug("the unfinished imports could not be fetched:", error.message);
        }
        if (!signal.aborted) this.#timer = setTimeout(() => this.look(), LOOK_EVERY_MS);
    }
}

const byName = new Intl.Collator("en", { numeric: true }).compare;

/**
 * Sort files by the time of their export, which is the order in which to import them: by their modification time, then by their name.
 *
 * @param {File[]} files
 * @returns {File[]}
 */
export function oldestFirst(files) {
    return [...files].sort((one, other) => one.lastModified - other.lastModified || byName(one.name, other.name));
}

/** The imports of this page. */
export const imports = new Imports();
