import { request } from "./api.js";
import { debug } from "./debug.js";

const INTERVAL_MS = 1_000;
const NOT_KNOWN = new Set([400, 404]);

/**
 * Asks the server for the snapshot of a session: once, or every second while no socket tells it.
 */
export class ProgressPolling {
    #sessionId;
    #tell;
    #timer = null;
    #active = false;

    /**
     * @param {string} sessionId
     * @param {{onSnapshot: (snapshot: object) => void, onUnknown: () => void, onTrouble: () => void}} tell `onUnknown` when
     *   the server has no such session, `onTrouble` when it does not answer
     */
    constructor(sessionId, tell) {
        this.#sessionId = sessionId;
        this.#tell = tell;
    }

    /** Ask every second, each time after the answer before. */
    start() {
        if (this.#active) return;
        this.#active = true;
        this.#repeat();
    }

    /** Ask no more. */
    stop() {
        this.#active = false;
        clearTimeout(this.#timer);
    }

    /**
     * @returns {Promise<object>}
     * @throws {import("./api.js").ApiError}
     */
    snapshot() {
        return request(`/api/progress/${encodeURIComponent(this.#sessionId)}`);
    }

    /** Ask once. */
    async once() {
        try {
            this.#tell.onSnapshot(await this.snapshot());
        } catch (error) {
            debug("poll failed:", error.message);
            if (NOT_KNOWN.has(error.status)) this.#tell.onUnknown();
            else this.#tell.onTrouble();
        }
    }

    async #repeat() {
        await this.once();
        if (this.#active) this.#timer = setTimeout(() => this.#repeat(), INTERVAL_MS);
    }
}
