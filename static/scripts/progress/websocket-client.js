import { debug } from "../lib/debug.js";

const MAX_ATTEMPTS = 5;
const PING_EVERY_MS = 30_000;
const PONG_WITHIN_MS = 10_000;
const REFUSED_WITHIN_MS = 10_000;

/** The server's event names -> ours. */
const EVENTS = {
    "progress-status": "progressStatus",
    "progress-update": "progress",
    "progress-complete": "progressComplete",
    "progress-error": "progressError",
};

/** Options of socket.io-client: the delay between attempts doubles, with a random variation of up to a half. */
const OPTIONS = {
    transports: ["polling", "websocket"],
    autoConnect: false,
    timeout: 5_000,
    reconnectionAttempts: MAX_ATTEMPTS - 1, // which does not count the first attempt
    reconnectionDelay: 1_000,
    reconnectionDelayMax: 8_000,
    randomizationFactor: 0.5,
};

/** The server that this module was loaded from, which is another one than the page's if a page of another origin imports it. */
const SERVER = new URL(import.meta.url).origin;

/**
 * The Socket.IO connection to the server: connects, reconnects, detects a silent server, and joins its rooms again.
 *
 * Events: `progress`, `progressStatus`, `progressComplete`, `progressError` (each with a snapshot), `connect`,
 * `disconnect` (with the reason), `connectionFailed` (with an Error, after the last attempt).
 */
export class WebSocketClient {
    #io;
    #url;
    #socket = null;
    #listeners = new Map();
    #rooms = new Set();
    #waiting = []; // the functions that settle the promises of connect()
    #failure = null; // of the last attempt
    #wanted = false;
    #endedAt = -Infinity; // when the server last closed the connection itself
    #pingTimer;
    #pongTimer;

    /**
     * @param {object} [options]
     * @param {Function} [options.io] the `io` of socket.io-client; imported on first use
     * @param {string} [options.url] by default the server that this module was loaded from
     */
    constructor({ io, url = SERVER } = {}) {
        this.#io = io;
        this.#url = url;
    }

    /** Whether the socket is connected. */
    get connected() {
        return this.#socket?.connected ?? false;
    }

    /**
     * Connect, with at most five attempts.
     *
     * @returns {Promise<void>} rejected, after `connectionFailed`, when the server cannot be reached
     */
    async connect() {
        this.#wanted = true;
        this.#socket ??= await this.#createSocket();
        if (!this.#wanted || this.connected) return;
        await new Promise((resolve, reject) => {
            this.#waiting.push({ resolve, reject });
            this.#socket.connect();
        });
    }

    /** Close the connection and forget the rooms. */
    disconnect() {
        this.#wanted = false;
        this.#rooms.clear();
        this.#stopPinging();
        this.#socket?.disconnect();
        this.#settle("resolve");
    }

    /**
     * @param {string} event
     * @param {Function} listener
     */
    on(event, listener) {
        if (!this.#listeners.has(event)) this.#listeners.set(event, new Set());
        this.#listeners.get(event).add(listener);
    }

    /**
     * @param {string} event
     * @param {Function} listener
     */
    off(event, listener) {
        this.#listeners.get(event)?.delete(listener);
    }

    /**
     * Send an event. A room joined while there is no connection is joined as soon as there is one.
     *
     * @param {"join-progress" | "leave-progress" | string} event
     * @param {...*} details
     */
    emit(event, ...details) {
        if (event === "join-progress") this.#rooms.add(details[0]);
        if (event === "leave-progress") this.#rooms.delete(details[0]);
        if (!this.connected) return;
        debug("emit", event, ...details);
        this.#socket.emit(event, ...details);
    }

    async #createSocket() {
        this.#io ??= (await import("../../vendor/socket.io-client/socket.io.esm.min.js")).io;
        if (this.#socket) return this.#socket; // another call was quicker
        const socket = this.#io(this.#url, OPTIONS);
        for (const [theirs, ours] of Object.entries(EVENTS)) socket.on(theirs, (snapshot) => this.#dispatch(ours, snapshot));
        socket.on("connect", () => this.#opened());
        socket.on("connect_error", (error) => this.#attemptFailed(error));
        socket.on("disconnect", (reason) => this.#closed(reason));
        socket.on("pong", () => clearTimeout(this.#pongTimer));
        socket.io.on("reconnect_failed", () => this.#failed());
        return (this.#socket = socket);
    }

    #opened() {
        this.#pingTimer = setInterval(() => this.#ping(), PING_EVERY_MS);
        for (const room of this.#rooms) this.emit("join-progress", room);
        this.#settle("resolve");
        this.#dispatch("connect");
    }

    #closed(reason) {
        this.#stopPinging();
        this.#dispatch("disconnect", reason);
        if (reason !== "io server disconnect") return; // socket.io-client connects again
        // The server disconnects a socket when its user's permissions have changed. Try to connect once more, and join what is still allowed.
        const isFirst = performance.now() - this.#endedAt > REFUSED_WITHIN_MS;
        this.#endedAt = performance.now();
        if (isFirst && this.#wanted) {
            this.#socket.connect();
            return;
        }
        this.#failure = new Error("The server closed the connection.");
        this.#failed();
    }

    #attemptFailed(error) {
        debug("attempt failed:", error.message);
        this.#failure = error;
        if (!this.#socket.active) this.#failed(); // the server refused it, so socket.io-client does not retry
    }

    #failed() {
        const failure = this.#failure;
        this.#dispatch("connectionFailed", failure);
        this.#settle("reject", failure);
    }

    #settle(outcome, value) {
        for (const promise of this.#waiting.splice(0)) promise[outcome](value);
    }

    #ping() {
        clearTimeout(this.#pongTimer);
        this.#pongTimer = setTimeout(() => {
            debug("no pong");
            this.#socket.disconnect().connect();
        }, PONG_WITHIN_MS);
        this.emit("ping");
    }

    #stopPinging() {
        clearInterval(this.#pingTimer);
        clearTimeout(this.#pongTimer);
    }

    /** Call the listeners; one that throws does not affect the others. */
    #dispatch(event, detail) {
        debug(event, detail);
        for (const listener of [...(this.#listeners.get(event) ?? [])]) {
            try {
                listener(detail);
            } catch (error) {
                console.error("[hextrackr] a listener failed:", event, error);
            }
        }
    }
}

export default WebSocketClient;
