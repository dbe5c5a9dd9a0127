import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { signIn } from "../../static/scripts/lib/sign-in.js";
import { NO_ANSWER, POLLING, ProgressFollower, RECONNECTING } from "../../static/scripts/progress/follower.js";

const SESSION = "6f1c2a34-0000-4000-8000-000000000000";

/** A WebSocketClient without a network. */
class FakeClient {
    connected = true;
    sent = [];
    #listeners = new Map();

    connect = async () => {};

    on(event, listener) {
        this.#listeners.set(event, listener);
    }

    off(event) {
        this.#listeners.delete(event);
    }

    emit(...details) {
        this.sent.push(details);
    }

    receive(event, detail) {
        this.#listeners.get(event)?.(detail);
    }
}

let client;
let follower;
let heard;
let asked;
let answer;

async function pass(ms) {
    mock.timers.tick(ms);
    for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

beforeEach(() => {
    mock.timers.enable({ apis: ["setTimeout"] });
    client = new FakeClient();
    heard = [];
    asked = 0;
    answer = () => Response.json({ sessionId: SESSION, polled: true });
    mock.method(globalThis, "fetch", async () => {
        asked += 1;
        return answer();
    });
    follower = new ProgressFollower(client, SESSION, {
        onSnapshot: (snapshot) => heard.push(snapshot),
        onUnknown: () => heard.push("unknown"),
        onWarning: (text) => heard.push(text),
    });
    follower.start();
});

afterEach(() => {
    follower.stop();
    mock.timers.reset();
    mock.restoreAll();
});

test("it joins, and leaves when it stops", () => {
    follower.stop();
    assert.deepEqual(client.sent, [["join-progress", SESSION], ["leave-progress", SESSION]]);
    client.receive("progress", { sessionId: SESSION });
    assert.deepEqual(heard, []);
});

for (const event of ["progress", "progressStatus", "progressComplete", "progressError"]) {
    test(`${event} is passed on, that of another session is not`, () => {
        const ours = { sessionId: SESSION };
        client.receive(event, { sessionId: null });
        client.receive(event, ours);
        assert.deepEqual(heard.filter(Boolean), [ours]);
    });
}

test("nothing is asked before the server can know the session", async () => {
    await pass(20_000);
    client.receive("connectionFailed");
    await pass(20_000);
    assert.equal(asked, 0);
    follower.expect();
    await pass(0);
    assert.equal(asked, 1);
});

test("five seconds of silence lead to one question", async () => {
    follower.expect();
    await pass(4_999);
    assert.equal(asked, 0);
    await pass(1);
    assert.equal(asked, 1);
    await pass(4_999);
    assert.equal(asked, 1);
});

test("an event starts the five seconds anew", async () => {
    follower.expect();
    await pass(4_000);
    client.receive("progress", { sessionId: SESSION });
    await pass(4_000);
    assert.equal(asked, 0);
});

test("a failed connection leads to a warning and a question every second, until it is back", async () => {
    follower.expect();
    client.receive("disconnect");
    assert.deepEqual(heard, [RECONNECTING]);
    client.connected = false;
    client.receive("connectionFailed");
    await pass(0);
    for (let second = 0; second < 3; second += 1) await pass(1_000);
    assert.equal(asked, 4);
    assert.equal(heard.at(-2), POLLING);
    client.connected = true;
    client.receive("connect");
    assert.equal(heard.at(-1), "");
    await pass(4_000);
    assert.equal(asked, 4);
});

const answers = [
    ["an unknown session", () => Response.json({ error: { code: "UNKNOWN_SESSION", detail: "" } }, { status: 404 }), "unknown"],
    ["a session that is not for this user", () => Response.json({ error: { code: "NOT_PERMITTED", detail: "" } }, { status: 403 }), "unknown"],
    ["a server in trouble", () => Response.json({ error: { code: "INTERNAL", detail: "" } }, { status: 500 }), NO_ANSWER],
    ["a proxy's own page", () => new Response("<html>", { status: 502 }), NO_ANSWER],
    ["no network", () => Promise.reject(new TypeError("failed")), NO_ANSWER],
];
for (const [name, given, expected] of answers) {
    test(`asking meets ${name}`, async () => {
        answer = given;
        await follower.ask();
        assert.deepEqual(heard, [expected]);
    });
}

test("who is signed out reads so once, is asked for nothing more, and goes on when signed in again", async (t) => {
    const [ended, connect] = [t.mock.fn(), t.mock.method(client, "connect")];
    signIn.addEventListener("ended", ended);
    follower.expect();
    client.connected = false;
    answer = () => Response.json({ error: { code: "SIGN_IN_NEEDED", detail: "Please sign in." } }, { status: 401 });
    client.receive("connectionFailed");
    await pass(0);
    for (let second = 0; second < 10; second += 1) await pass(1_000);
    assert.deepEqual([asked, heard, ended.mock.callCount()], [1, [POLLING, "Please sign in."], 1]);
    answer = () => Response.json({ sessionId: SESSION, polled: true });
    signIn.resume();
    assert.equal(connect.mock.callCount(), 1);
    client.receive("connectionFailed");
    await pass(0);
    assert.equal(asked, 2);
    signIn.removeEventListener("ended", ended);
});
