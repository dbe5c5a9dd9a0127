/**
 * What the vulnerabilities page shows, as the page's own URL and as a request to the server. Pure.
 *
 * @typedef {{severity: string, state: string, search: string, sort: string, order: string, page: number}} Query
 */

/** What is not in the URL. `all` states is the server's default, open ones are ours. */
const DEFAULTS = { severity: "", state: "open", search: "", sort: "severity", order: "desc", page: 1 };

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
 * @param {number} limit findings on a page
 * @returns {string} the server's path for it
 */
export function requestFromQuery({ severity, state, search, sort, order, page }, limit) {
    const parameters = new URLSearchParams({ page, limit, sort, order });
    if (severity) parameters.set("severity", severity);
    if (state !== "all") parameters.set("state", state);
    if (search.trim()) parameters.set("search", search.trim());
    return `/api/vulnerabilities?${parameters}`;
}

/**
 * @param {Query} query
 * @returns {boolean} whether it leaves anything out that a reader may expect
 */
export function isFiltered({ severity, state, search }) {
    return severity !== "" || search.trim() !== "" || !["open", "all"].includes(state);
}
