import { debug } from "../lib/debug.js";
import { request } from "../lib/http.js";
import { signIn } from "../lib/sign-in.js";

const STALL_MS = 5_000;
const POLL_EVERY_MS = 1_000;
const FIND_ATTEMPTS = 30;
const UNKNOWN = new Set([400, 403, 404]);
const SNAPSHOTS = ["progress", "progressStatus", "progressComplete", "progressError"];

export const RECONNECTING = "The connection was interrupted. Reconnecting…";
export const POLLING = "Live updates are not available. The progress is updated every second instead.";
export const NO_ANSWER = "The server is not responding. Trying again…";

/**
 * Follows a session over the socket; with a single request if the socket has been silent for five seconds; with a request every second
 * after the connection has failed permanently.
 */
export class ProgressFollower {
    #client;
    #sessionId;
    #report;
    #polling;
    #stallTimer = null;
    #expected = false;
    #failed = false;
    #resume = () => this.#client.connect().catch(() => {}); // connectionFailed has reported it
    #listeners = {
        ...Object.fromEntries(SNAPSHOTS.map((event) => [event, (snapshot) => this.#receive(snapshot)])),
        connect: () => this.#connected(),
        disconnect: () => this.#report.onWarning(RECONNECTING),
        connectionFailed: () => this.#connectionFailed(),
    };

    /**
     * @param {import("./websocket-client.js").WebSocketClient} client
     * @param {string} sessionId
     * @param {{onSnapshot: (snapshot: object) => void, onUnknown: (error: ApiError) => void, onWarning: (text: string) => void}} report
     *   `onUnknown` if the session does not exist, or not for this user; `onWarning` with an empty text when the problem is over
     */
    constructor(client, sessionId, report) {
        this.#client = client;
        this.#sessionId = sessionId;
        this.#report = report;
        this.#polling = new ProgressPolling(sessionId, {
            onSnapshot: (snapshot) => this.#polled(snapshot),
            onUnknown: (error) => report.onUnknown(error),
            onTrouble: (error) => report.onWarning(error.status === 401 ? error.detail : NO_ANSWER),
        });
    }

    /**
     * Join the session's room; the session may not exist yet.
     *
     * @returns {Promise<void>} when the room is joined, or joining failed; the session is followed either way
     */
    start() {
        for (const [event, listener] of Object.entries(this.#listeners)) this.#client.on(event, listener);
        signIn.addEventListener("resumed", this.#resume);
        this.#client.emit("join-progress", this.#sessionId);
        return this.#resume();
    }

    /** The session exists on the server now: react to silence by asking for a snapshot. */
    expect() {
        if (this.#expected) return;
        this.#expected = true;
        if (this.#failed) this.#polling.start();
        else this.#awaitNext();
    }

    /** Ask immediately instead of waiting. */
    ask() {
        return this.#polling.once();
    }

    /**
     * Find out whether the session exists: ask until the server responds, for at most half a minute.
     *
     * @returns {Promise<object | null>} the snapshot, or `null`
     */
    find() {
        return this.#polling.find();
    }

    /** Leave the room. */
    stop() {
        clearTimeout(this.#stallTimer);
        this.#expected = false;
        this.#polling.stop();
        signIn.removeEventListener("resumed", this.#resume);
        this.#client.emit("leave-progress", this.#sessionId);
        for (const [event, listener] of Object.entries(this.#listeners)) this.#client.off(event, listener);
    }

    #receive(snapshot) {
        if (snapshot.sessionId !== this.#sessionId) return;
        this.expect();
        this.#awaitNext();
        this.#report.onWarning("");
        this.#report.onSnapshot(snapshot);
    }

    #polled(snapshot) {
        if (this.#failed) this.#report.onWarning(POLLING);
        else if (this.#client.connected) this.#report.onWarning("");
        this.#report.onSnapshot(snapshot);
    }

    #awaitNext() {
        clearTimeout(this.#stallTimer);
        if (this.#failed) return;
        this.#stallTimer = setTimeout(() => {
            if (!signIn.hasEnded) this.#polling.once();
            this.#awaitNext();
        }, STALL_MS);
    }

    #connected() {
        this.#failed = false;
        this.#polling.stop();
        this.#report.onWarning("");
        if (this.#expected) this.#awaitNext();
    }

    #connectionFailed() {
        this.#failed = true;
        clearTimeout(this.#stallTimer);
        this.#report.onWarning(POLLING);
        if (this.#expected) this.#polling.start();
    }
}

/**
 * Asks the server for the snapshot of a session: once, or every second while there is no socket.
 */
class ProgressPolling {
    #sessionId;
    #report;
    #timer = null;
    #active = false;

    /**
     * @param {string} sessionId
     * @param {{onSnapshot: (snapshot: object) => void, onUnknown: (error: ApiError) => void, onTrouble: (error: ApiError) => void}} report
     *   `onUnknown` if the session does not exist for this user, `onTrouble` if the server does not respond, or nobody is signed in
     */
    constructor(sessionId, report) {
        this.#sessionId = sessionId;
        this.#report = report;
    }

    /** Ask every second, but only after the previous response. */
    start() {
        if (this.#active) return;
        this.#active = true;
        this.#repeat();
    }

    /** Stop asking. */
    stop() {
        this.#active = false;
        clearTimeout(this.#timer);
    }

    /** Ask once. */
    async once() {
        try {
            this.#report.onSnapshot(await this.#snapshot());
        } catch (error) {
            debug("poll failed:", error.message);
            if (error.status === 401) this.stop();
            if (UNKNOWN.has(error.status)) this.#report.onUnknown(error);
            else this.#report.onTrouble(error);
        }
    }

    /** @returns {Promise<object | null>} the snapshot; `null` if there is none, or no response for half a minute */
    async find() {
        for (let attempt = 1; attempt <= FIND_ATTEMPTS; attempt += 1) {
            try {
                return await this.#snapshot();
            } catch (error) {
                if (UNKNOWN.has(error.status) || error.status === 401) return null;
                this.#report.onTrouble(error);
            }
            await new Promise((resolve) => setTimeout(resolve, POLL_EVERY_MS));
        }
        return null;
    }

    #snapshot() {
        return request(`/api/progress/${encodeURIComponent(this.#sessionId)}`);
    }

    async #repeat() {
        await this.once();
        if (this.#active) this.#timer = setTimeout(() => this.#repeat(), POLL_EVERY_MS);
    }
}
