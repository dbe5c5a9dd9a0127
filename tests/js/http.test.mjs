import assert from "node:assert/strict";
import { test } from "node:test";

import { errorFrom, request } from "../../static/scripts/lib/http.js";
import { signIn } from "../../static/scripts/lib/sign-in.js";

test("an error of the server says what the server says", () => {
    const error = errorFrom(413, { error: { code: "UPLOAD_TOO_LARGE", detail: "The file is larger than this server accepts." } });
    assert.deepEqual([error.code, error.detail, error.status], ["UPLOAD_TOO_LARGE", "The file is larger than this server accepts.", 413]);
});

for (const [status, words] of [[413, /client_max_body_size/], [502, /cannot reach it/], [504, /no response in time/], [418, /status 418/]]) {
    test(`a page of a proxy with ${status} is a sentence`, () => {
        const error = errorFrom(status, null);
        assert.equal(error.code, `HTTP_${status}`);
        assert.match(error.detail, words);
        assert.match(error.detail, /\.$/);
    });
}

test("a proxy that leads an answer to where one signs in has ended the sign-in", async (t) => {
    const ended = t.mock.fn();
    signIn.addEventListener("ended", ended);
    t.mock.method(globalThis, "fetch", async () => ({ type: "opaqueredirect", ok: false, status: 0 }));
    await assert.rejects(request("/api/imports"), { code: "HTTP_401" });
    assert.equal(ended.mock.callCount(), 1);
});

for (const [name, expected] of [["AbortError", { name: "AbortError" }], ["TypeError", { code: "NETWORK" }], ["SyntaxError", { code: "HTTP_200" }]]) {
    test(`an answer that ends early with ${name} is not mistaken for a refusal`, async (t) => {
        const json = () => Promise.reject(Object.assign(new Error("ended"), { name }));
        t.mock.method(globalThis, "fetch", async () => ({ ok: true, status: 200, json }));
        await assert.rejects(request("/api/imports/1"), expected);
    });
}
