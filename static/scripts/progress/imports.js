import { debug } from "../lib/debug.js";
import { request } from "../lib/http.js";
import { signIn } from "../lib/sign-in.js";
import { local, session } from "../lib/storage.js";
import { ImportRun } from "./import-run.js";
import { WebSocketClient } from "./websocket-client.js";

const RUNNING_KEY = "hextrackr_imports"; // of all tabs: an import started in one shows in the others
const SHOWN_KEY = "hextrackr_import_shown"; // of this tab: the modal that a reload brings back
const DISMISS_AFTER_MS = 8_000;
const UNFINISHED = "/api/imports?unfinished=true&limit=10";
const LOOK_EVERY_MS = 5_000;

/**
 * The imports that this page follows, and which of them the modal shows. What runs is remembered, so that a reload or
 * another page finds it again.
 *
 * Events: `change` after anything that is to be seen; `progressed` when an import entered another state, so that lists
 * are out of date.
 */
class Imports extends EventTarget {
    #client = new WebSocketClient();
    #discovery = new ImportDiscovery((details) => this.found(details));
    #runs = new Map();
    #shownId = null;
    #dismissed = new Set();
    #sent = null; // a promise: that what was chosen so far has been sent
    #reconnect = () => {
        if (this.#runs.size > 0) this.#client.connect().catch(() => {});
    };
    #warnBeforeLeaving = (event) => {
        if (this.all.some((run) => run.view.kind === "uploading")) event.preventDefault();
    };

    /** @returns {ImportRun[]} in the order in which they began */
    get all() {
        return [...this.#runs.values()];
    }

    /** @returns {ImportRun | null} the one in the modal */
    get shown() {
        return this.#runs.get(this.#shownId) ?? null;
    }

    /** Take up what was running when the page was left. */
    start() {
        addEventListener("online", this.#reconnect);
        addEventListener("beforeunload", this.#warnBeforeLeaving);
        const shownId = session.json(SHOWN_KEY, null);
        for (const details of local.json(RUNNING_KEY, [])) {
            this.#add(details).follow();
            if (details.sessionId === shownId) this.#shownId = shownId;
        }
        this.#discovery.start();
        this.#changed();
    }

    /** Follow nothing any more; what is remembered stays. */
    stop() {
        removeEventListener("online", this.#reconnect);
        removeEventListener("beforeunload", this.#warnBeforeLeaving);
        this.#discovery.stop();
        for (const run of this.all) run.stop();
        this.#runs.clear();
        this.#client.disconnect();
        this.#changed();
    }

    /** Start again on a page that was left and is shown anew: whatever it shows may be out of date. */
    resume() {
        this.start();
        this.#progressed();
    }

    /**
     * Import files, the oldest first, and show that. They are sent one after the other, so that the server imports them in this order.
     *
     * @param {File[]} files
     * @param {() => FormData} options makes the form's other fields, once for each
     */
    upload(files, options) {
        const runs = oldestFirst(files).map((file) => {
            const run = this.#add({ filename: file.name });
            this.#sent = run.upload(file, options(), this.#sent);
            return run;
        });
        if (runs.length > 0) this.show(runs[0].sessionId);
    }

    /**
     * Show an import that runs, whoever started it.
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
     * Follow an import that was found to run on the server, beside the modal.
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
     * Put an import into the modal.
     *
     * @param {string} sessionId
     */
    show(sessionId) {
        const before = this.shown;
        this.#shownId = sessionId;
        session.put(SHOWN_KEY, sessionId);
        if (before?.ended && before.sessionId !== sessionId) this.dismiss(before.sessionId);
        this.#changed();
    }

    /** Close the modal. One that runs goes on in the background. */
    hide() {
        const run = this.shown;
        this.#shownId = null;
        session.put(SHOWN_KEY, null);
        if (run?.ended) this.dismiss(run.sessionId);
        this.#changed();
    }

    /**
     * Follow an import no more.
     *
     * @param {string} sessionId
     */
    dismiss(sessionId) {
        this.#runs.get(sessionId)?.stop();
        this.#runs.delete(sessionId);
        this.#dismissed.add(sessionId);
        this.#forget(sessionId);
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
        this.#progressed();
    }

    #dismissUnseen(run) {
        if (this.#runs.get(run.sessionId) === run && run !== this.shown) this.dismiss(run.sessionId);
    }

    #remember({ view: { sessionId, filename, importId, uploadShare } }) {
        const others = local.json(RUNNING_KEY, []).filter((other) => other.sessionId !== sessionId);
        local.put(RUNNING_KEY, [...others, { sessionId, filename, importId, uploadShare }]);
    }

    #forget(sessionId) {
        local.put(RUNNING_KEY, local.json(RUNNING_KEY, []).filter((other) => other.sessionId !== sessionId));
    }

    #changed() {
        this.dispatchEvent(new Event("change"));
    }

    /** Who has begun an import waits for what others have begun: look for these as well. */
    #progressed() {
        this.dispatchEvent(new Event("progressed"));
        this.#discovery.look();
    }
}

/**
 * Finds the imports that run on the server, whoever started them, so that every page shows them.
 */
class ImportDiscovery {
    #found;
    #active = false;
    #timer = null;
    #request = null;
    #onVisible = () => document.visibilityState === "visible" && this.look();
    #onStorage = () => this.look(); // another tab has begun something
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
 * Order files that were chosen together as they are to be imported: a scan after the one before it. The time of its last change
 * says when a file was exported; where that is the same, its name may.
 *
 * @param {File[]} files
 * @returns {File[]}
 */
export function oldestFirst(files) {
    return [...files].sort((one, other) => one.lastModified - other.lastModified || byName(one.name, other.name));
}

/** Those of this page. */
export const imports = new Imports();
