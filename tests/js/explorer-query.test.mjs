import assert from "node:assert/strict";
import { test } from "node:test";

import { exportFromQuery, filtersChosen, isFiltered, queryFromUrl, requestFromQuery, unfiltered, urlFromQuery } from "../../static/scripts/elements/explorer-query.js";

const cases = [
    // the page's URL, what the server is asked for, whether something is left out
    ["", "page=1&limit=50&state=open", false],
    ["?state=all", "page=1&limit=50", false],
    ["?severity=critical%2Chigh", "page=1&limit=50&severity=critical%2Chigh&state=open", true],
    ["?state=resolved&search=web%261&page=3", "page=3&limit=50&state=resolved&search=web%261", true],
    ["?changedBy=12&change=opened&vprMin=7", "page=1&limit=50&state=open&changedBy=12&change=opened&vprMin=7", true],
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
    assert.equal(requestFromQuery(query, 50), "/api/vulnerabilities/groups?page=2&limit=50&by=host&state=open&family=Misc.");
    assert.equal(urlFromQuery(query), "?group=host&page=2&family=Misc.");
});

test("evidence is searched and exported when that is asked for", () => {
    const query = queryFromUrl("?search=apache&searchEvidence=true");
    assert.equal(requestFromQuery(query, 50), "/api/vulnerabilities?page=1&limit=50&state=open&search=apache&searchEvidence=true");
    assert.equal(exportFromQuery(query, "csv", {}, "", true), "/api/vulnerabilities/export.csv?state=open&search=apache&searchEvidence=true&evidence=true");
});

test("what is fixed limits every request and stays out of the URL", () => {
    const query = queryFromUrl("?severity=high");
    assert.equal(requestFromQuery(query, 50, { host: "5" }), "/api/vulnerabilities?page=1&limit=50&severity=high&state=open&host=5");
    assert.equal(exportFromQuery(query, "csv", { host: "5" }), "/api/vulnerabilities/export.csv?severity=high&state=open&host=5");
    assert.equal(urlFromQuery(query), "?severity=high");
});

test("filters that the reader has chosen are named, and all of them can be taken away", () => {
    const query = queryFromUrl("?group=cve&ageMin=30&protocol=tcp&severity=low");
    const filters = { severity: "Severity low", state: "State open", ageMin: "Open for at least 30 days", host: "Host 5" };
    assert.deepEqual(filtersChosen(filters, query), [["severity", "Severity low"], ["ageMin", "Open for at least 30 days"]]);
    assert.equal(urlFromQuery(unfiltered(query)), "?group=cve");
});

test("the finding in the panel is in the URL, and limits nothing", () => {
    const query = queryFromUrl("?severity=low&finding=7");
    assert.equal(requestFromQuery(query, 50), "/api/vulnerabilities?page=1&limit=50&severity=low&state=open");
    assert.equal(urlFromQuery(query), "?severity=low&finding=7");
});

test("a file has the columns, the order and the groups that are shown", () => {
    const query = queryFromUrl("?sort=title&order=asc&family=Misc.");
    assert.equal(exportFromQuery(query, "xlsx", {}, "title,port"), "/api/vulnerabilities/export.xlsx?sort=title&order=asc&state=open&family=Misc.&columns=title%2Cport");
    assert.equal(exportFromQuery(queryFromUrl("?group=os"), "csv", {}, "title"), "/api/vulnerabilities/export.csv?by=os&state=open");
});

test("behind the numbered pages a cursor leads on", () => {
    const query = queryFromUrl("?page=201&cursor=abc");
    assert.equal(requestFromQuery(query, 50), "/api/vulnerabilities?page=201&limit=50&cursor=abc&state=open");
    assert.equal(urlFromQuery(query), "?page=201&cursor=abc");
});
