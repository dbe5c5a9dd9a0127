import assert from "node:assert/strict";
import { webcrypto } from "node:crypto";
import { test } from "node:test";

import { newUuid } from "../../static/scripts/lib/uuid.js";

const UUID_4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

const sources = [
    ["a secure context", webcrypto],
    ["plain http, without randomUUID", { getRandomValues: (bytes) => webcrypto.getRandomValues(bytes) }],
];
for (const [name, source] of sources) {
    test(`a UUID of version 4 in ${name}`, () => {
        assert.match(newUuid(source), UUID_4);
        assert.notEqual(newUuid(source), newUuid(source));
    });
}
