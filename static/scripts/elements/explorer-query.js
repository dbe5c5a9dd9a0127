/**
 * Convert the state of the explorer to the page's URL and to requests, and back. Pure.
 *
 * Only the server knows the filters, so all other parameters of the URL are passed on to it.
 *
 * @typedef {Record<string, string> & {page: number}} Query
 */

/** What is not in the URL. `all` states is the server's default, open ones are ours. */
const DEFAULTS = { severity: "", state: "open", search: "", group: "finding", sort: "", order: "desc", page: 1, cursor: "", finding: "" };
/** What says how the list is shown, and not what is in it; `finding` is the one in the panel beside it. */
const SHOWN = ["group", "sort", "order", "page", "cursor", "finding"];

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
    const different = Object.entries(query).filter(([name, value]) => value !== (DEFAULTS[name] ?? ""));
    const text = new URLSearchParams(different).toString();
    return text && `?${text}`;
}

/**
 * @param {Query} query
 * @param {Record<string, string>} fixed filters that are not the reader's to change
 * @returns {URLSearchParams} what the list is limited to
 */
export function filtersOf(query, fixed = {}) {
    const limits = Object.entries(query).filter(([name, value]) => !SHOWN.includes(name) && value.trim() !== "");
    const parameters = new URLSearchParams(limits.map(([name, value]) => [name, value.trim()]));
    if (query.state === "all") parameters.delete("state");
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
    const path = query.group === "finding" ? "/api/vulnerabilities" : "/api/vulnerabilities/groups";
    const place = [["page", query.page], ["limit", limit], ...(query.cursor ? [["cursor", query.cursor]] : [])];
    return `${path}?${new URLSearchParams([...place, ...shownAs(query), ...filtersOf(query, fixed)])}`;
}

/**
 * @param {Query} query
 * @param {string} kind `csv`, `json`, `jsonl` or `xlsx`
 * @param {Record<string, string>} [fixed] see {@link filtersOf}
 * @param {string} [columns] names of columns, separated by commas; those that the server has by default if empty
 * @param {boolean} [evidence] whether the evidence of each finding is in it as well
 * @returns {string} the server's path of the file that holds all of it
 */
export function exportFromQuery(query, kind, fixed = {}, columns = "", evidence = false) {
    const more = { ...(columns && query.group === "finding" && { columns }), ...(evidence && { evidence: "true" }) };
    return `/api/vulnerabilities/export.${kind}?${new URLSearchParams([...shownAs(query), ...filtersOf(query, { ...fixed, ...more })])}`;
}

/** How the rows are grouped and sorted, where that is not as the server does it by itself. */
function shownAs({ group, sort, order }) {
    return [...(group === "finding" ? [] : [["by", group]]), ...(sort ? [["sort", sort]] : []), ...(order === "desc" ? [] : [["order", order]])];
}

/**
 * @param {Query} query
 * @returns {Query} without any filter; how it is grouped and sorted stays
 */
export function unfiltered(query) {
    const { group, sort, order } = query;
    const without = Object.fromEntries(Object.keys(query).map((name) => [name, ""]));
    return { ...without, ...DEFAULTS, group, sort, order };
}

/**
 * @param {Record<string, string>} filters those in use, as the server calls them
 * @param {Query} query
 * @returns {[string, string][]} those that the reader has chosen: name, and how a reader calls it
 */
export function filtersChosen(filters, query) {
    return Object.entries(filters).filter(([name]) => (query[name] ?? "") !== (DEFAULTS[name] ?? ""));
}

/**
 * @param {Query} query
 * @returns {boolean} whether it leaves anything out that a reader may expect
 */
export function isFiltered(query) {
    const limits = Object.fromEntries(filtersOf(query));
    return !["open", "all"].includes(query.state) || Object.keys(limits).some((name) => name !== "state");
}
