/**
 * The WebSocketClient on the real socket.io-client, before a real server; only the pauses between its attempts are shorter.
 */
import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { createServer } from "node:http";
import { afterEach, beforeEach, test } from "node:test";

import { Server } from "socket.io";
import { io } from "socket.io-client";

import { WebSocketClient } from "../../static/scripts/progress/websocket-client.js";

const ROOM = "6f1c2a34-0000-4000-8000-000000000000";

let http;
let refused; // attempts that were answered with an error, while `refuses`
let refuses;
let server;
let joined; // rooms, in the order in which they were joined
let joins;
let client;
let heard;

beforeEach(async () => {
    refused = 0;
    refuses = false;
    http = createServer();
    server = new Server(http, {
        pingInterval: 60_000,
        allowRequest: (_request, answer) => {
            if (refuses) refused += 1;
            answer(refuses ? "no" : null, !refuses);
        },
    });
    joined = [];
    joins = new EventEmitter();
    server.on("connection", (socket) => {
        socket.on("join-progress", (room) => {
            joined.push(room);
            joins.emit("join");
        });
    });
    http.listen(0, "127.0.0.1");
    await once(http, "listening");
    client = new WebSocketClient({
        url: `http://127.0.0.1:${http.address().port}`,
        io: (url, options) => io(url, { ...options, reconnectionDelay: 1, reconnectionDelayMax: 2, forceNew: true }),
    });
    heard = [];
    for (const event of ["connect", "disconnect", "connectionFailed"]) client.on(event, () => heard.push(event));
});

afterEach(async () => {
    client.disconnect();
    await server.close();
});

async function reaches(count) {
    while (joined.length < count) await once(joins, "join");
}

function cut() {
    for (const socket of server.sockets.sockets.values()) socket.conn.close();
}

const next = (event) => new Promise((resolve) => client.on(event, resolve));

test("two calls make one connection", async () => {
    await Promise.all([client.connect(), client.connect()]);
    await client.connect();
    assert.equal(client.connected, true);
    assert.deepEqual(heard, ["connect"]);
});

test("a server that refuses is tried five times, then the connection has failed", async () => {
    refuses = true;
    await assert.rejects(client.connect());
    assert.equal(refused, 5);
    assert.deepEqual(heard, ["connectionFailed"]);
});

test("it can be tried anew after a failure", async () => {
    refuses = true;
    await assert.rejects(client.connect());
    refuses = false;
    await client.connect();
    assert.deepEqual(heard, ["connectionFailed", "connect"]);
});

test("after a break it connects and joins its rooms again", async () => {
    await client.connect();
    client.emit("join-progress", "other");
    client.emit("join-progress", ROOM);
    client.emit("leave-progress", "other");
    await reaches(2);
    cut();
    await reaches(3);
    assert.deepEqual(joined, ["other", ROOM, ROOM]);
    assert.deepEqual(heard, ["connect", "disconnect", "connect"]);
});

test("a break that lasts ends in connectionFailed after no more than five attempts", async () => {
    await client.connect();
    refuses = true;
    const failed = next("connectionFailed");
    cut();
    assert.ok((await failed) instanceof Error);
    assert.ok(refused > 1 && refused <= 5, String(refused));
    assert.deepEqual(heard, ["connect", "disconnect", "connectionFailed"]);
});

test("a socket that the server does not want is not tried again", async () => {
    server.use((_socket, answer) => answer(new Error("not you")));
    await assert.rejects(client.connect(), /not you/);
    assert.deepEqual(heard, ["connectionFailed"]);
});

test("a socket that the server ends is tried once more, and not again", async () => {
    client.emit("join-progress", ROOM);
    await client.connect();
    await reaches(1);
    server.disconnectSockets();
    await reaches(2);
    const failed = next("connectionFailed");
    server.disconnectSockets();
    await failed;
    assert.deepEqual(heard, ["connect", "disconnect", "connect", "disconnect", "connectionFailed"]);
});

test("a disconnect while it connects ends the waiting, without a failure", async () => {
    refuses = true;
    const connecting = client.connect();
    client.disconnect();
    await connecting;
    assert.deepEqual(heard, []);
});
