import { request } from "../lib/http.js";
import { session } from "../lib/storage.js";
import { newUuid } from "../lib/uuid.js";
import { ProgressFollower } from "./follower.js";
import { WebSocketClient } from "./websocket-client.js";

/**
 * An operation that runs on the server, such as a backup or a merge. It is stored in this tab, so that it is found again after a reload.
 *
 * Events: `change`; `ended`, after which `error` is set if it failed.
 */
export class MaintenanceRun extends EventTarget {
    #client = new WebSocketClient();
    #follower = null;
    #key;

    /** The last snapshot; null if no operation is running. */
    snapshot = null;

    /** A sentence that says why the last operation failed; empty if it did not. */
    error = "";

    /** @param {string} key under which its session id is stored */
    constructor(key) {
        super();
        this.#key = key;
    }

    /**
     * Follow the operation that was running when the page was left, whenever the page is shown.
     *
     * @param {AbortSignal} signal aborted when that is no longer wanted; a running operation continues
     */
    start(signal) {
        addEventListener("pagehide", () => this.stop(), { signal });
        addEventListener("pageshow", (event) => event.persisted && this.#resume(), { signal });
        signal.addEventListener("abort", () => this.stop());
        this.#resume();
    }

    #resume() {
        const sessionId = session.json(this.#key, null);
        if (sessionId === null) return;
        this.#follow(sessionId);
        this.#follower.expect();
        this.#follower.ask();
    }

    /** Stop following; a running operation continues. */
    stop() {
        this.#follower?.stop();
        this.#follower = null;
        this.#client.disconnect();
    }

    /**
     * Start it and follow its progress.
     *
     * @param {string} path of the API
     * @param {object} [json] the body of the request
     * @throws {import("../lib/http.js").ApiError} the operation was refused
     */
    async begin(path, json = {}) {
        const sessionId = newUuid();
        await this.#follow(sessionId);
        try {
            await request(path, { method: "POST", json: { ...json, sessionId } });
            session.put(this.#key, sessionId);
            this.#follower?.expect();
        } catch (error) {
            this.stop();
            throw error;
        }
    }

    #follow(sessionId) {
        this.#follower = new ProgressFollower(this.#client, sessionId, {
            onSnapshot: (snapshot) => this.#show(snapshot),
            onUnknown: (error) => this.#end(error.status === 403 ? error.detail : "", null),
            onWarning: () => {},
        });
        const joined = this.#follower.start();
        return Promise.race([joined, new Promise((resolve) => setTimeout(resolve, 1_000))]);
    }

    #show(snapshot) {
        if (snapshot.status === "completed") this.#end("", snapshot);
        else if (snapshot.status === "error") this.#end(snapshot.error.detail, snapshot);
        else {
            this.snapshot = snapshot;
            this.dispatchEvent(new Event("change"));
        }
    }

    #end(error, last) {
        if (this.#follower === null) return;
        session.put(this.#key, null);
        this.stop();
        this.error = error;
        this.snapshot = null;
        this.dispatchEvent(new CustomEvent("ended", { detail: last }));
    }
}
