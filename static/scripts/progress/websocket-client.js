import { debug } from "../lib/debug.js";

const MAX_ATTEMPTS = 5;
const FIRST_DELAY_MS = 500;
const ATTEMPT_TIMEOUT_MS = 5_000;
const PING_EVERY_MS = 30_000;
const PONG_WITHIN_MS = 10_000;

/** The server's event names and ours. */
const EVENTS = {
    "progress-status": "progressStatus",
    "progress-update": "progress",
    "progress-complete": "progressComplete",
    "progress-error": "progressError",
};

const OPTIONS = {
    transports: ["polling", "websocket"],
    reconnection: false, // the backoff below is our own
    autoConnect: false,
    timeout: ATTEMPT_TIMEOUT_MS,
};

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * The connection to the server's Socket.IO: connects, retries, notices a silent break, and joins its rooms again.
 *
 * Events: `progress`, `progressStatus`, `progressComplete`, `progressError` (each with a snapshot), `connect`,
 * `disconnect` (with the reason), `connectionFailed` (with an Error, after the last attempt).
 */
export class WebSocketClient {
    #io;
    #random;
    #url;
    #socket = null;
    #listeners = new Map();
    #rooms = new Set();
    #connecting = null;
    #wanted = false;
    #pingTimer;
    #pongTimer;

    /**
     * @param {object} [options]
     * @param {Function} [options.io] the `io` of socket.io-client; imported when it is first needed
     * @param {string} [options.url] the page's own server by default
     * @param {() => number} [options.random] spreads the retries of many clients after a restart of the server
     */
    constructor({ io, url, random = Math.random } = {}) {
        this.#io = io;
        this.#url = url;
        this.#random = random;
    }

    /** Whether events can arrive now. */
    get connected() {
        return this.#socket?.connected ?? false;
    }

    /**
     * Connect, trying five times at the most.
     *
     * @returns {Promise<void>} rejected, after `connectionFailed`, when the server cannot be reached
     */
    connect() {
        this.#wanted = true;
        if (this.connected) return Promise.resolve();
        this.#connecting ??= this.#establish(0).finally(() => (this.#connecting = null));
        return this.#connecting;
    }

    /** Close the connection and forget the rooms. */
    disconnect() {
        this.#wanted = false;
        this.#rooms.clear();
        this.#stopPinging();
        this.#socket?.disconnect();
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

    async #establish(attemptsMade) {
        let failure;
        for (let attempt = attemptsMade; attempt < attemptsMade + MAX_ATTEMPTS; attempt += 1) {
            if (attempt > 0) await wait(this.#delay(attempt));
            if (!this.#wanted) return;
            try {
                await this.#attempt();
                return;
            } catch (error) {
                failure = error;
                debug("attempt", attempt, "failed:", error.message);
            }
        }
        this.#tell("connectionFailed", failure);
        throw failure;
    }

    /** Doubles from attempt to attempt; up to half of it is left to chance. */
    #delay(attempt) {
        return FIRST_DELAY_MS * 2 ** (attempt - 1) * (0.5 + this.#random() / 2);
    }

    async #attempt() {
        this.#socket ??= await this.#createSocket();
        const socket = this.#socket;
        await new Promise((resolve, reject) => {
            const settle = (outcome, value) => {
                clearTimeout(timer);
                socket.off("connect", succeed);
                socket.off("connect_error", fail);
                outcome(value);
            };
            const succeed = () => settle(resolve);
            const fail = (error) => {
                settle(reject, error);
                socket.disconnect(); // also ends an attempt that hangs half-way
            };
            const timer = setTimeout(() => fail(new Error("The server did not answer in time.")), ATTEMPT_TIMEOUT_MS);
            socket.on("connect", succeed);
            socket.on("connect_error", fail);
            socket.connect();
        });
        this.#opened();
    }

    async #createSocket() {
        this.#io ??= (await import("../../vendor/socket.io-client/socket.io.esm.min.js")).io;
        const socket = this.#io(this.#url, OPTIONS);
        for (const [theirs, ours] of Object.entries(EVENTS)) socket.on(theirs, (snapshot) => this.#tell(ours, snapshot));
        socket.on("pong", () => clearTimeout(this.#pongTimer));
        socket.on("disconnect", (reason) => this.#lost(reason));
        return socket;
    }

    #opened() {
        if (!this.#wanted) {
            this.#socket.disconnect();
            return;
        }
        this.#pingTimer = setInterval(() => this.#ping(), PING_EVERY_MS);
        for (const room of this.#rooms) this.emit("join-progress", room);
        this.#tell("connect");
    }

    #ping() {
        clearTimeout(this.#pongTimer);
        this.#pongTimer = setTimeout(() => {
            debug("no pong");
            this.#socket.disconnect(); // #lost follows
        }, PONG_WITHIN_MS);
        this.emit("ping");
    }

    #stopPinging() {
        clearInterval(this.#pingTimer);
        clearTimeout(this.#pongTimer);
    }

    #lost(reason) {
        this.#stopPinging();
        this.#tell("disconnect", reason);
        if (!this.#wanted) return;
        this.#connecting ??= this.#establish(1).finally(() => (this.#connecting = null));
        this.#connecting.catch(() => {}); // connectionFailed has said it
    }

    #tell(event, detail) {
        debug(event, detail);
        for (const listener of [...(this.#listeners.get(event) ?? [])]) listener(detail);
    }
}

export default WebSocketClient;
