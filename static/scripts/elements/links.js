/**
 * The URLs of the pages. Pure.
 */

/** @param {number} id of a host */
export const hostPage = (id) => `/hosts/${id}`;

/** @param {string} name of a host, or its address */
export const hostNamed = (name) => `/hosts/${encodeURIComponent(name)}`;

/** @param {number} id of a definition */
export const definitionPage = (id) => `/definitions/${id}`;

/** @param {string} cve */
export const cvePage = (cve) => `/cves/${encodeURIComponent(cve)}`;

/** @param {number} id of an import */
export const importPage = (id) => `/imports/${id}`;

/** A figure of an import -> the events that it counts. */
const CHANGES = { inserted: "opened", updated: "changed", reopened: "reopened", resolved: "resolved" };

/** @param {string} figure of an import @returns {boolean} whether it counts findings that the import changed */
export const countsChanges = (figure) => figure in CHANGES;

/**
 * @param {number} importId
 * @param {string} figure of it
 * @param {Record<string, string>} [filters] that limit the list further
 * @returns {string} the list of the findings that the figure counts
 */
export const changedFindings = (importId, figure, filters = {}) => listOf({ state: "all", changedBy: importId, change: CHANGES[figure], ...filters });

/** @param {Record<string, string | number>} filters see the list's query */
export const listOf = (filters) => `/vulnerabilities?${new URLSearchParams(filters)}`;
