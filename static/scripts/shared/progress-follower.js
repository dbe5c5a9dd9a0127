import { ProgressPolling } from "./progress-polling.js";

const STALL_MS = 5_000;
const SNAPSHOTS = ["progress", "progressStatus", "progressComplete", "progressError"];

export const RECONNECTING = "The connection was interrupted. Reconnecting…";
export const POLLING = "Live updates are not available. The figures are fetched every second instead.";
export const NO_ANSWER = "The server does not answer at the moment. Trying again…";

/**
 * Follows one session by whatever way works: the socket, a single question when that has been silent for five seconds,
 * a question every second once the connection has failed for good.
 */
export class ProgressFollower {
    #client;
    #sessionId;
    #tell;
    #polling;
    #stallTimer = null;
    #known = false;
    #failed = false;
    #heard = {
        ...Object.fromEntries(SNAPSHOTS.map((event) => [event, (snapshot) => this.#receive(snapshot)])),
        connect: () => this.#connected(),
        disconnect: () => this.#tell.onWarning(RECONNECTING),
        connectionFailed: () => this.#connectionFailed(),
    };

    /**
     * @param {import("./websocket-client.js").WebSocketClient} client
     * @param {string} sessionId
     * @param {{onSnapshot: (snapshot: object) => void, onUnknown: () => void, onWarning: (text: string) => void}} tell
     *   `onWarning` with an empty text when all is well again
     */
    constructor(client, sessionId, tell) {
        this.#client = client;
        this.#sessionId = sessionId;
        this.#tell = tell;
        this.#polling = new ProgressPolling(sessionId, {
            onSnapshot: (snapshot) => this.#polled(snapshot),
            onUnknown: () => tell.onUnknown(),
            onTrouble: () => tell.onWarning(NO_ANSWER),
        });
    }

    /**
     * Join the session's room; the server need not know the session yet.
     *
     * @returns {Promise<void>} when the room is joined, or cannot be: following goes on either way
     */
    start() {
        for (const [event, listener] of Object.entries(this.#heard)) this.#client.on(event, listener);
        this.#client.emit("join-progress", this.#sessionId);
        return this.#client.connect().catch(() => {}); // connectionFailed has said it
    }

    /** From now on the server knows the session, so silence means something and asking makes sense. */
    expect() {
        if (this.#known) return;
        this.#known = true;
        if (this.#failed) this.#polling.start();
        else this.#awaitNext();
    }

    /** Ask at once instead of waiting. */
    ask() {
        return this.#polling.once();
    }

    /** @returns {Promise<object>} what the server knows of the session; rejected when it knows nothing */
    snapshot() {
        return this.#polling.snapshot();
    }

    /** Leave the room. */
    stop() {
        clearTimeout(this.#stallTimer);
        this.#known = false;
        this.#polling.stop();
        this.#client.emit("leave-progress", this.#sessionId);
        for (const [event, listener] of Object.entries(this.#heard)) this.#client.off(event, listener);
    }

    #receive(snapshot) {
        if (snapshot.sessionId !== this.#sessionId) return;
        this.expect();
        this.#awaitNext();
        this.#tell.onWarning("");
        this.#tell.onSnapshot(snapshot);
    }

    #polled(snapshot) {
        if (this.#failed) this.#tell.onWarning(POLLING);
        else if (this.#client.connected) this.#tell.onWarning("");
        this.#tell.onSnapshot(snapshot);
    }

    #awaitNext() {
        clearTimeout(this.#stallTimer);
        if (this.#failed) return;
        this.#stallTimer = setTimeout(() => {
            this.#polling.once();
            this.#awaitNext();
        }, STALL_MS);
    }

    #connected() {
        this.#failed = false;
        this.#polling.stop();
        this.#tell.onWarning("");
        if (this.#known) this.#awaitNext();
    }

    #connectionFailed() {
        this.#failed = true;
        clearTimeout(this.#stallTimer);
        this.#tell.onWarning(POLLING);
        if (this.#known) this.#polling.start();
    }
}
