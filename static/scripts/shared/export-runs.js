import { exportView } from "./export-state.js";
import { ProgressFollower } from "./progress-follower.js";
import { session } from "./storage.js";
import { newUuid } from "./uuid.js";
import { WebSocketClient } from "./websocket-client.js";

const KEY = "hextrackr_exports"; // of this tab: the browser goes on with a download when the page is left
const KNOWN_AFTER_MS = 1_500;
const SHOWN_AFTER_MS = 700;
const FAREWELL_MS = 6_000;

/**
 * The exported files that the browser is fetching. One that is there within a moment is never shown.
 *
 * Events: `change`.
 */
export class ExportRuns extends EventTarget {
    #client = new WebSocketClient();
    #followers = new Map();
    #begun = new Map();
    #views = new Map();

    /** @returns {[string, import("./export-state.js").ExportView][]} what is to be seen, by session */
    get all() {
        return [...this.#views];
    }

    /** Take up what was under way when the page was left. */
    start() {
        for (const sessionId of session.json(KEY, [])) this.#follow(sessionId, 0);
    }

    /** Follow nothing any more; what is remembered stays. */
    stop() {
        for (const follower of this.#followers.values()) follower.stop();
        this.#followers.clear();
        this.#views.clear();
        this.#client.disconnect();
    }

    /**
     * Follow an export that begins now.
     *
     * @param {string} address of the file
     * @returns {string} the address to fetch it from, which names its session
     */
    begin(address) {
        const sessionId = newUuid();
        session.put(KEY, [...session.json(KEY, []), sessionId]);
        this.#follow(sessionId, KNOWN_AFTER_MS);
        const url = new URL(address, location.href);
        url.searchParams.set("sessionId", sessionId);
        return url.pathname + url.search;
    }

    #follow(sessionId, afterMs) {
        this.#begun.set(sessionId, performance.now() - KNOWN_AFTER_MS + afterMs);
        const follower = new ProgressFollower(this.#client, sessionId, {
            onSnapshot: (snapshot) => this.#told(sessionId, snapshot),
            onUnknown: () => this.#forget(sessionId),
            onWarning: () => {},
        });
        this.#followers.set(sessionId, follower);
        follower.start();
        setTimeout(() => {
            if (this.#followers.get(sessionId) !== follower) return;
            follower.expect();
            follower.ask();
        }, afterMs);
    }

    #told(sessionId, snapshot) {
        const before = this.#views.get(sessionId) ?? null;
        const view = exportView(before, snapshot);
        if (view === before) return;
        if (view.kind === "running") {
            if (performance.now() - this.#begun.get(sessionId) < SHOWN_AFTER_MS) return;
            this.#views.set(sessionId, view);
        } else if (before === null && view.kind === "completed") {
            this.#forget(sessionId);
        } else {
            this.#views.set(sessionId, view);
            setTimeout(() => this.#forget(sessionId), FAREWELL_MS);
        }
        this.dispatchEvent(new Event("change"));
    }

    #forget(sessionId) {
        this.#followers.get(sessionId)?.stop();
        this.#followers.delete(sessionId);
        this.#views.delete(sessionId);
        session.put(KEY, session.json(KEY, []).filter((known) => known !== sessionId));
        if (this.#followers.size === 0) this.#client.disconnect();
        this.dispatchEvent(new Event("change"));
    }
}
