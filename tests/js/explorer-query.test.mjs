import assert from "node:assert/strict";
import { test } from "node:test";

import { exportFromQuery, filtersInUse, isFiltered, queryFromUrl, requestFromQuery, unfiltered, urlFromQuery } from "../../static/scripts/elements/explorer-query.js";

const cases = [
    // the page's URL, what the server is asked for, whether something is left out
    ["", "page=1&limit=50&sort=severity&order=desc&state=open", false],
    ["?state=all", "page=1&limit=50&sort=severity&order=desc", false],
    ["?severity=critical%2Chigh", "page=1&limit=50&sort=severity&order=desc&severity=critical%2Chigh&state=open", true],
    ["?state=resolved&search=web%261&page=3", "page=3&limit=50&sort=severity&order=desc&state=resolved&search=web%261", true],
    ["?changedBy=12&change=opened&vprMin=7", "page=1&limit=50&sort=severity&order=desc&state=open&vprMin=7&changedBy=12&change=opened", true],
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

test("groups are another request, and keep the filters", () => {
    const query = queryFromUrl("?group=host&family=Misc.&page=2");
    assert.equal(requestFromQuery(query, 50), "/api/vulnerabilities/groups?by=host&page=2&limit=50&state=open&family=Misc.");
    assert.equal(urlFromQuery(query), "?family=Misc.&group=host&page=2");
});

test("evidence is searched and exported when that is asked for", () => {
    const query = queryFromUrl("?search=apache&searchEvidence=true");
    assert.equal(requestFromQuery(query, 50), "/api/vulnerabilities?page=1&limit=50&sort=severity&order=desc&state=open&search=apache&searchEvidence=true");
    assert.equal(exportFromQuery(query, "csv", {}, true), "/api/vulnerabilities/export.csv?state=open&search=apache&searchEvidence=true&evidence=true");
    assert.deepEqual(filtersInUse(query), [["searchEvidence", "The search looks into the evidence as well"]]);
});

test("what is fixed limits every request and stays out of the URL", () => {
    const query = queryFromUrl("?severity=high");
    assert.equal(requestFromQuery(query, 50, { host: "5" }), "/api/vulnerabilities?page=1&limit=50&sort=severity&order=desc&severity=high&state=open&host=5");
    assert.equal(exportFromQuery(query, "csv", { host: "5" }), "/api/vulnerabilities/export.csv?severity=high&state=open&host=5");
    assert.equal(urlFromQuery(query), "?severity=high");
});

test("filters in use are named, and can all be taken away", () => {
    const query = queryFromUrl("?group=cve&ageMin=30&protocol=tcp&severity=low");
    assert.deepEqual(filtersInUse(query), [["protocol", "TCP"], ["ageMin", "Open for at least 30 days"]]);
    assert.equal(urlFromQuery(unfiltered(query)), "?group=cve");
});
