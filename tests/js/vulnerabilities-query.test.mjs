import assert from "node:assert/strict";
import { test } from "node:test";

import { isFiltered, queryFromUrl, requestFromQuery, urlFromQuery } from "../../static/scripts/vulnerabilities-query.js";

const cases = [
    // the page's URL, what the server is asked for, whether something is left out
    ["", "page=1&limit=50&sort=severity&order=desc&state=open", false],
    ["?state=all", "page=1&limit=50&sort=severity&order=desc", false],
    ["?severity=critical%2Chigh", "page=1&limit=50&sort=severity&order=desc&severity=critical%2Chigh&state=open", true],
    ["?state=resolved&search=web%261&page=3", "page=3&limit=50&sort=severity&order=desc&state=resolved&search=web%261", true],
    ["?sort=vpr&order=asc", "page=1&limit=50&sort=vpr&order=asc&state=open", false],
];
for (const [url, asked, filtered] of cases) {
    test(`the view ${url || "without filters"}`, () => {
        const query = queryFromUrl(url);
        assert.equal(requestFromQuery(query, 50), `/api/vulnerabilities?${asked}`);
        assert.equal(isFiltered(query), filtered);
        assert.deepEqual(queryFromUrl(urlFromQuery(query)), query);
    });
}

test("the defaults stay out of the URL", () => assert.equal(urlFromQuery(queryFromUrl("")), ""));

for (const page of ["0", "-3", "x", ""]) {
    test(`page "${page}" is the first`, () => assert.equal(queryFromUrl(`?page=${page}`).page, 1));
}
