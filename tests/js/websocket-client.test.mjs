import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import Default, { WebSocketClient } from "../../static/scripts/progress/websocket-client.js";

const ROOM = "6f1c2a34-0000-4000-8000-000000000000";

/** A socket of socket.io-client; `behaviour` says what becomes of an attempt: accept, refuse or silence. */
class FakeSocket {
    connected = false;
    attempts = 0;
    behaviour = "accept";
    sent = [];
    #listeners = new Map();

    on(event, listener) {
        this.#listeners.set(event, [...(this.#listeners.get(event) ?? []), listener]);
    }

    off(event, listener) {
        this.#listeners.set(event, (this.#listeners.get(event) ?? []).filter((known) => known !== listener));
    }

    emit(event, ...details) {
        this.sent.push([event, ...details]);
    }

    connect() {
        this.attempts += 1;
        if (this.behaviour === "refuse") queueMicrotask(() => this.receive("connect_error", new Error("refused")));
        if (this.behaviour === "accept") {
            queueMicrotask(() => {
                this.connected = true;
                this.receive("connect");
            });
        }
    }

    disconnect() {
        this.drop("io client disconnect");
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
    client = new WebSocketClient({ io, random: () => 1 });
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
    assert.equal(options.reconnection, false);
});

test("two calls make one connection", async () => {
    await Promise.all([client.connect(), client.connect()]);
    await client.connect();
    assert.equal(socket.attempts, 1);
});

const events = [
    ["progress-update", "progress"],
    ["progress-status", "progressStatus"],
    ["progress-complete", "progressComplete"],
    ["progress-error", "progressError"],
];
for (const [theirs, ours] of events) {
    test(`${theirs} is told as ${ours}`, async () => {
        await client.connect();
        heard.length = 0;
        const snapshot = { sessionId: ROOM };
        socket.receive(theirs, snapshot);
        assert.deepEqual(heard, [[ours, snapshot]]);
    });
}

test("off ends the telling", async () => {
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

test("five attempts with growing pauses, then connectionFailed", async () => {
    socket.behaviour = "refuse";
    const outcome = assert.rejects(client.connect(), /refused/);
    await settle();
    for (const [pause, attempts] of [[500, 2], [1000, 3], [2000, 4], [4000, 5]]) {
        await pass(pause - 1);
        assert.equal(socket.attempts, attempts - 1, "not before its time");
        await pass(1);
        assert.equal(socket.attempts, attempts);
    }
    await outcome;
    await pass(60_000);
    assert.equal(socket.attempts, 5);
    assert.deepEqual(names(), ["connectionFailed"]);
    assert.match(heard[0][1].message, /refused/);
});

test("a server that never answers does not hang the caller", async () => {
    socket.behaviour = "silence";
    const outcome = assert.rejects(client.connect(), /did not answer/);
    await settle();
    for (let second = 0; second < 40; second += 1) await pass(1000);
    await outcome;
    assert.equal(socket.attempts, 5);
});

test("it can be tried anew after a failure", async () => {
    socket.behaviour = "refuse";
    const outcome = assert.rejects(client.connect());
    for (let second = 0; second < 10; second += 1) await pass(1000);
    await outcome;
    socket.behaviour = "accept";
    await client.connect();
    assert.equal(client.connected, true);
});

test("after a break it connects and joins its rooms again", async () => {
    await client.connect();
    client.emit("join-progress", ROOM);
    client.emit("join-progress", "left");
    client.emit("leave-progress", "left");
    socket.sent.length = 0;
    socket.drop("transport close");
    assert.equal(client.connected, false);
    await settle();
    await pass(500);
    assert.equal(client.connected, true);
    assert.deepEqual(socket.sent, [["join-progress", ROOM]]);
    assert.deepEqual(names(), ["connect", "disconnect", "connect"]);
});

test("a break that lasts ends in connectionFailed after five attempts", async () => {
    await client.connect();
    socket.behaviour = "refuse";
    socket.drop("transport close");
    await settle();
    for (const pause of [500, 1000, 2000, 4000, 8000]) await pass(pause);
    assert.equal(socket.attempts, 1 + 5);
    assert.deepEqual(names(), ["connect", "disconnect", "connectionFailed"]);
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
    await pass(30_000);
    await pass(9_999);
    assert.deepEqual(names(), ["connect"]);
    await pass(1);
    assert.deepEqual(names(), ["connect", "disconnect"]);
    await pass(500);
    assert.deepEqual(names(), ["connect", "disconnect", "connect"]);
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
    const kept = {};
    globalThis.localStorage = { getItem: (key) => kept[key] ?? null };
    t.after(() => delete globalThis.localStorage);
    await client.connect();
    assert.equal(log.mock.callCount(), 0);
    kept.hextrackr_debug = "true";
    socket.receive("progress-update", {});
    assert.equal(log.mock.callCount(), 1);
    delete kept.hextrackr_debug;
    socket.receive("progress-update", {});
    assert.equal(log.mock.callCount(), 1);
});
