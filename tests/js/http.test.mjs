import assert from "node:assert/strict";
import { test } from "node:test";

import { errorFrom } from "../../static/scripts/lib/http.js";

test("an error of the server says what the server says", () => {
    const error = errorFrom(413, { error: { code: "UPLOAD_TOO_LARGE", detail: "The file is larger than this server accepts." } });
    assert.deepEqual([error.code, error.detail, error.status], ["UPLOAD_TOO_LARGE", "The file is larger than this server accepts.", 413]);
});

for (const [status, words] of [[413, /client_max_body_size/], [502, /does not answer the proxy/], [504, /waited too long/], [418, /status 418/]]) {
    test(`a page of a proxy with ${status} is a sentence`, () => {
        const error = errorFrom(status, null);
        assert.equal(error.code, `HTTP_${status}`);
        assert.match(error.detail, words);
        assert.match(error.detail, /\.$/);
    });
}
