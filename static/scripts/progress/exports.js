import { bytes, counted } from "../lib/format.js";
import { session } from "../lib/storage.js";
import { newUuid } from "../lib/uuid.js";
import { ProgressFollower } from "./follower.js";
import { WebSocketClient } from "./websocket-client.js";

const KEY = "hextrackr_exports"; // of this tab: a download continues when the page is left
const KNOWN_AFTER_MS = 1_500;
const SHOWN_AFTER_MS = 700;
const FORGET_AFTER_MS = 6_000;

/**
 * The exports that the browser is downloading. One that takes only a moment is not shown.
 *
 * Events: `change`.
 */
class Exports extends EventTarget {
    #client = new WebSocketClient();
    #followers = new Map();
    #begun = new Map();
    #views = new Map();

    /** @returns {[string, ExportView][]} session ids and views */
    get all() {
        return [...this.#views];
    }

    /** Follow the exports again that were running when the page was left. */
    start() {
        for (const sessionId of session.json(KEY, [])) this.#follow(sessionId, 0);
    }

    /** Stop following all exports; they remain stored. */
    stop() {
        for (const follower of this.#followers.values()) follower.stop();
        this.#followers.clear();
        this.#views.clear();
        this.#client.disconnect();
        this.dispatchEvent(new Event("change"));
    }

    /**
     * Follow a new export.
     *
     * @param {string} address of the file
     * @returns {string} the URL to download it from, with its session id
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
            onSnapshot: (snapshot) => this.#show(sessionId, snapshot),
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

    #show(sessionId, snapshot) {
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
            setTimeout(() => this.#forget(sessionId), FORGET_AFTER_MS);
        }
        this.dispatchEvent(new Event("change"));
    }

    #forget(sessionId) {
        this.#followers.get(sessionId)?.stop();
        this.#followers.delete(sessionId);
        this.#views.delete(sessionId);
        session.put(KEY, session.json(KEY, []).filter((other) => other !== sessionId));
        if (this.#followers.size === 0) this.#client.disconnect();
        this.dispatchEvent(new Event("change"));
    }
}

/**
 * The texts of an export.
 *
 * @typedef {object} ExportView
 * @property {"running" | "completed" | "failed"} kind
 * @property {string} filename
 * @property {number} percent an integer, 0..100
 * @property {string} text its progress or its result
 * @property {number} sequence of its snapshot
 */

/**
 * @param {ExportView | null} view the previous view
 * @param {object} snapshot of the export's session
 * @returns {ExportView} the same object if the snapshot is older
 */
export function exportView(view, { status, progress, metadata, error }) {
    if (view !== null && (metadata.sequence <= view.sequence || view.kind !== "running")) return view;
    const base = { filename: metadata.filename, percent: Math.floor(progress), sequence: metadata.sequence };
    if (status === "completed") return { ...base, kind: "completed", text: `${counted(metadata.findings ?? 0, "finding")}, ${bytes(metadata.bytes ?? 0)}` };
    if (status === "error") return { ...base, kind: "failed", text: error.detail };
    return { ...base, kind: "running", text: `${base.percent}% · ${counted(metadata.findings ?? 0, "finding")}` };
}

/** The exports of this page. */
export const exports = new Exports();
