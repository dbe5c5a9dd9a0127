/**
 * The addresses of the pages. Pure.
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

/** @param {Record<string, string | number>} filters see the list's query */
export const listOf = (filters) => `/vulnerabilities?${new URLSearchParams(filters)}`;
