/**
 * What a list of findings shows, as the page's own URL and as requests to the server. Pure.
 *
 * @typedef {Record<string, string> & {page: number}} Query
 */

/** Parameters of the server that the page passes on as they are. */
const FILTERS = [
    "source", "host", "definition", "cve", "family", "port", "protocol", "newSince",
    "firstSeenFrom", "firstSeenTo", "lastSeenFrom", "lastSeenTo", "ageMin", "ageMax",
    "vprMin", "vprMax", "cvssMin", "cvssMax", "epssMin", "epssMax", "changedBy", "change",
    "searchEvidence",
];

/** What is not in the URL. `all` states is the server's default, open ones are ours. */
const DEFAULTS = {
    severity: "", state: "open", search: "", ...Object.fromEntries(FILTERS.map((name) => [name, ""])),
    group: "finding", sort: "severity", order: "desc", page: 1,
};

/** How the page calls a filter, with its value. */
const LABELS = {
    source: (value) => `Source ${value}`, host: (value) => `Host ${value}`, definition: (value) => `Vulnerability ${value}`, cve: (value) => value,
    family: (value) => `Family ${value}`, port: (value) => `Port ${value}`, protocol: (value) => value.toUpperCase(),
    newSince: (value) => `New since ${value}`, firstSeenFrom: (value) => `First seen from ${value}`, firstSeenTo: (value) => `First seen until ${value}`,
    lastSeenFrom: (value) => `Last seen from ${value}`, lastSeenTo: (value) => `Last seen until ${value}`,
    ageMin: (value) => `Open for at least ${value} days`, ageMax: (value) => `Open for at most ${value} days`,
    vprMin: (value) => `VPR from ${value}`, vprMax: (value) => `VPR to ${value}`, cvssMin: (value) => `CVSS from ${value}`, cvssMax: (value) => `CVSS to ${value}`,
    epssMin: (value) => `EPSS from ${value}`, epssMax: (value) => `EPSS to ${value}`,
    searchEvidence: () => "The search looks into the evidence as well",
    changedBy: (value) => `Changed by import ${value}`, change: (value) => `Only what was ${value}`,
};

/**
 * @param {string} search of a location
 * @returns {Query}
 */
export function queryFromUrl(search) {
    const query = { ...DEFAULTS, ...Object.fromEntries(new URLSearchParams(search)) };
    return { ...query, page: Math.max(1, Math.trunc(Number(query.page)) || 1) };
}

/**
 * @param {Query} query
 * @returns {string} the search part of the page's URL; empty for the defaults
 */
export function urlFromQuery(query) {
    const different = Object.entries(DEFAULTS).filter(([name, usual]) => query[name] !== usual);
    const text = new URLSearchParams(different.map(([name]) => [name, query[name]])).toString();
    return text && `?${text}`;
}

/**
 * @param {Query} query
 * @param {Record<string, string>} fixed filters that are not the reader's to change
 * @returns {URLSearchParams} what the list is limited to
 */
export function filtersOf(query, fixed = {}) {
    const parameters = new URLSearchParams();
    if (query.severity) parameters.set("severity", query.severity);
    if (query.state !== "all") parameters.set("state", query.state);
    for (const name of ["search", ...FILTERS]) {
        if (query[name].trim()) parameters.set(name, query[name].trim());
    }
    for (const [name, value] of Object.entries(fixed)) parameters.set(name, value);
    return parameters;
}

/**
 * @param {Query} query
 * @param {number} limit rows on a page
 * @param {Record<string, string>} [fixed] see {@link filtersOf}
 * @returns {string} the server's path for it
 */
export function requestFromQuery(query, limit, fixed = {}) {
    const { page, sort, order, group } = query;
    const filters = filtersOf(query, fixed);
    if (group !== "finding") return `/api/vulnerabilities/groups?${new URLSearchParams([["by", group], ["page", page], ["limit", limit], ...filters])}`;
    return `/api/vulnerabilities?${new URLSearchParams([["page", page], ["limit", limit], ["sort", sort], ["order", order], ...filters])}`;
}

/**
 * @param {Query} query
 * @param {string} kind `csv` or `json`
 * @param {Record<string, string>} [fixed] see {@link filtersOf}
 * @param {boolean} [evidence] whether the evidence of each finding is in it as well
 * @returns {string} the server's path of the file that holds all of it
 */
export function exportFromQuery(query, kind, fixed = {}, evidence = false) {
    return `/api/vulnerabilities/export.${kind}?${filtersOf(query, { ...fixed, ...(evidence && { evidence: "true" }) })}`;
}

/**
 * @param {Query} query
 * @returns {[string, string][]} the filters behind "More filters" that are in use: name, and how a reader calls it
 */
export function filtersInUse(query) {
    return FILTERS.filter((name) => query[name].trim() !== "").map((name) => [name, LABELS[name](query[name].trim())]);
}

/**
 * @param {Query} query
 * @returns {Query} without any filter; how it is grouped and sorted stays
 */
export function unfiltered(query) {
    const { group, sort, order } = query;
    return { ...DEFAULTS, group, sort, order };
}

/**
 * @param {Query} query
 * @returns {boolean} whether it leaves anything out that a reader may expect
 */
export function isFiltered(query) {
    const { severity, state, search } = query;
    return severity !== "" || search.trim() !== "" || !["open", "all"].includes(state) || filtersInUse(query).length > 0;
}
