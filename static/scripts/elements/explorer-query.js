/**
 * Convert the state of the explorer to the page's URL and to requests, and back. Pure.
 *
 * Only the server knows the filters, so all other parameters of the URL are passed on to it.
 *
 * @typedef {Record<string, string> & {page: number}} Query
 */

/** The values that are left out of the URL. The default of `state` is `open` here, but all states on the server. */
const DEFAULTS = { severity: "", state: "open", search: "", group: "finding", sort: "", order: "desc", page: 1, cursor: "", finding: "" };
/** Parameters that affect how the list is shown, not what it contains; `finding` is the one in the panel. */
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
 * @param {Record<string, string>} fixed filters that the user cannot change
 * @returns {URLSearchParams} the filters of the list
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
 * @returns {string} the URL of the list's data
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
 * @param {string} [columns] names of columns, separated by commas; if empty, the server's default
 * @param {boolean} [evidence] whether to include the evidence of each finding
 * @returns {string} the URL of the file with all matching findings
 */
export function exportFromQuery(query, kind, fixed = {}, columns = "", evidence = false) {
    const more = { ...(columns && query.group === "finding" && { columns }), ...(evidence && { evidence: "true" }) };
    return `/api/vulnerabilities/export.${kind}?${new URLSearchParams([...shownAs(query), ...filtersOf(query, { ...fixed, ...more })])}`;
}

/** The parameters for grouping and sorting, unless they are the server's defaults. */
function shownAs({ group, sort, order }) {
    return [...(group === "finding" ? [] : [["by", group]]), ...(sort ? [["sort", sort]] : []), ...(order === "desc" ? [] : [["order", order]])];
}

/**
 * @param {Query} query
 * @returns {Query} the query without filters, with the same grouping and order
 */
export function unfiltered(query) {
    const { group, sort, order } = query;
    const without = Object.fromEntries(Object.keys(query).map((name) => [name, ""]));
    return { ...without, ...DEFAULTS, group, sort, order };
}

/**
 * @param {Record<string, string>} filters the active filters, as the server describes them
 * @param {Query} query
 * @returns {[string, string][]} the filters that the user has chosen: name and description
 */
export function filtersChosen(filters, query) {
    return Object.entries(filters).filter(([name]) => (query[name] ?? "") !== (DEFAULTS[name] ?? ""));
}

/**
 * @param {Query} query
 * @returns {boolean} whether it has filters besides the default state
 */
export function isFiltered(query) {
    const limits = Object.fromEntries(filtersOf(query));
    return !["open", "all"].includes(query.state) || Object.keys(limits).some((name) => name !== "state");
}
