import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import Default, { WebSocketClient } from "../../static/scripts/progress/websocket-client.js";

const ROOM = "6f1c2a34-0000-4000-8000-000000000000";

/** A socket of socket.io-client, which connects as soon as it is asked to. */
class FakeSocket {
    active = true;
    connected = false;
    attempts = 0;
    sent = [];
    io = { on: (event, listener) => this.on(event, listener) };
    #listeners = new Map();

    on(event, listener) {
        this.#listeners.set(event, [...(this.#listeners.get(event) ?? []), listener]);
    }

    emit(event, ...details) {
        this.sent.push([event, ...details]);
    }

    connect() {
        this.attempts += 1;
        queueMicrotask(() => {
            if (this.connected) return;
            this.connected = true;
            this.receive("connect");
        });
    }

    disconnect() {
        this.drop("io client disconnect");
        return this;
    }

    drop(reason) {
        if (!this.connected) return;
        this.connected = false;
        this.receive("disconnect", reason);
    }

    receive(event, detail) {
        for (const listener of [...(this.#listeners.get(event) ?? [])]) listener(detail);
    }
}

let socket;
let options;
let client;
let heard;

const settle = () => new Promise((resolve) => setImmediate(resolve));

async function pass(ms) {
    mock.timers.tick(ms);
    await settle();
}

beforeEach(() => {
    mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
    socket = new FakeSocket();
    const io = (_url, given) => {
        options = given;
        return socket;
    };
    client = new WebSocketClient({ io });
    heard = [];
    for (const event of ["progress", "progressStatus", "progressComplete", "progressError", "connect", "disconnect", "connectionFailed"]) {
        client.on(event, (detail) => heard.push([event, detail]));
    }
});

afterEach(() => {
    client.disconnect();
    mock.timers.reset();
    mock.restoreAll();
});

const names = () => heard.map(([event]) => event);

test("it is the default export as well", () => assert.equal(Default, WebSocketClient));

test("connect resolves once the server has answered", async () => {
    await client.connect();
    assert.equal(client.connected, true);
    assert.deepEqual(options.transports, ["polling", "websocket"]);
});

const events = [
    ["progress-update", "progress"],
    ["progress-status", "progressStatus"],
    ["progress-complete", "progressComplete"],
    ["progress-error", "progressError"],
];
for (const [theirs, ours] of events) {
    test(`${theirs} is passed on as ${ours}`, async () => {
        await client.connect();
        heard.length = 0;
        const snapshot = { sessionId: ROOM };
        socket.receive(theirs, snapshot);
        assert.deepEqual(heard, [[ours, snapshot]]);
    });
}

test("off removes a listener", async () => {
    const listener = mock.fn();
    client.on("progress", listener);
    client.off("progress", listener);
    await client.connect();
    socket.receive("progress-update", {});
    assert.equal(listener.mock.callCount(), 0);
});

test("a room joined before there is a connection is joined with it, once", async () => {
    client.emit("join-progress", ROOM);
    assert.deepEqual(socket.sent, []);
    await client.connect();
    assert.deepEqual(socket.sent, [["join-progress", ROOM]]);
});

test("a listener that throws disturbs no other", async () => {
    const error = mock.method(console, "error", () => {});
    const broken = new Error("broken");
    const other = mock.fn();
    client.on("progress", () => {
        throw broken;
    });
    client.on("progress", other);
    await client.connect();
    socket.receive("progress-update", { sessionId: ROOM });
    assert.equal(other.mock.callCount(), 1);
    assert.equal(error.mock.calls[0].arguments.at(-1), broken);
});

test("a ping every 30 seconds, and a pong keeps the connection", async () => {
    await client.connect();
    for (let round = 1; round <= 3; round += 1) {
        await pass(30_000);
        assert.equal(socket.sent.filter(([event]) => event === "ping").length, round);
        socket.receive("pong");
    }
    await pass(10_000);
    assert.deepEqual(names(), ["connect"]);
});

test("a missing pong counts as a broken connection", async () => {
    await client.connect();
    client.emit("join-progress", ROOM);
    await pass(30_000);
    await pass(9_999);
    assert.deepEqual(names(), ["connect"]);
    socket.sent.length = 0;
    await pass(1);
    assert.deepEqual(names(), ["connect", "disconnect", "connect"]);
    assert.deepEqual(socket.sent, [["join-progress", ROOM]]);
});

test("disconnect is for good: no retry, no ping, no rooms", async () => {
    await client.connect();
    client.emit("join-progress", ROOM);
    client.disconnect();
    await settle();
    await pass(120_000);
    assert.equal(socket.attempts, 1);
    socket.sent.length = 0;
    await client.connect();
    assert.deepEqual(socket.sent, []);
});

test("the console is written to only while localStorage says so, asked at each call", async (t) => {
    const log = mock.method(console, "log", () => {});
    const stored = {};
    globalThis.localStorage = { getItem: (key) => stored[key] ?? null };
    t.after(() => delete globalThis.localStorage);
    await client.connect();
    assert.equal(log.mock.callCount(), 0);
    stored.hextrackr_debug = "true";
    socket.receive("progress-update", {});
    assert.equal(log.mock.callCount(), 1);
    delete stored.hextrackr_debug;
    socket.receive("progress-update", {});
    assert.equal(log.mock.callCount(), 1);
});
