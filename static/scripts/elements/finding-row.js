import { copyOf, fill, find, linkTo, setText } from "../lib/dom.js";
import { count, counted, score } from "../lib/format.js";
import { cvePage, hostPage } from "./links.js";

const CVES_SHOWN = 1;
/** How values are written that the server declares, by what they are. */
const KINDS = { text: (value) => value || "–", day: (value) => value ?? "–", score, share };
export const STATES = { active: "Active", reopened: "Reopened", resolved: "Resolved", retired: "Source retired" };

/**
 * The row of one finding.
 *
 * @param {HTMLTemplateElement} template
 * @param {object} finding as the API answers it
 * @returns {HTMLElement}
 */
export function findingRow(template, finding) {
    const row = copyOf(template);
    row.dataset.findingId = finding.id;
    const host = hostOf(finding);
    fill(row, {
        severity: finding.severity,
        host,
        ip: finding.ip && finding.ip !== host ? finding.ip : "",
        address: finding.ip ?? "–",
        title: finding.title || "–",
        plugin: [finding.pluginId && `Plugin ${finding.pluginId}`, finding.family].filter(Boolean).join(" · "),
        port: portOf(finding),
        firstSeen: finding.firstSeen ?? "–",
        lastSeen: finding.lastSeen ?? "–",
        state: STATES[finding.state] ?? finding.state,
        source: finding.source || finding.scannerName,
    });
    find(row, '[data-field="severity"]').dataset.severity = finding.severity;
    find(row, "[data-host-link]").href = hostPage(finding.hostId);
    for (const cell of row.querySelectorAll("[data-kind]")) setText(cell, KINDS[cell.dataset.kind](finding[cell.dataset.column]));
    const state = find(row, '[data-field="state"]');
    state.dataset.state = finding.state;
    if (finding.resolvedOn) state.title = `Resolved on ${finding.resolvedOn}`;
    if (finding.fqdn && finding.fqdn !== host) find(row, '[data-field="host"]').title = finding.fqdn;
    fillCves(find(row, "[data-cves]"), finding.cves ?? []);
    return row;
}

/** @param {object} finding @returns {string} what its host is called */
export function hostOf(finding) {
    return finding.host || finding.fqdn || finding.ip || "–";
}

/** @param {object} finding @returns {string} such as `443/tcp`; a dash for port 0, which stands for the whole host */
export function portOf(finding) {
    return [finding.port || "–", finding.port ? finding.protocol : ""].filter(Boolean).join("/");
}

/** @param {number | null} epss @returns {string} as the percentage that FIRST publishes beside it */
export function share(epss) {
    return epss === null || epss === undefined ? "–" : `${(epss * 100).toFixed(1)} %`;
}

/** @param {string} cve @returns {HTMLElement} an item of a list that leads to the CVE's page */
export function cveItem(cve) {
    const item = document.createElement("li");
    item.append(linkTo(cvePage(cve), cve));
    return item;
}

function fillCves(cell, cves) {
    const more = find(cell, "[data-cves-more]");
    const items = cves.map(cveItem);
    for (const item of items.slice(CVES_SHOWN)) item.hidden = true;
    find(cell, "ul").prepend(...items);
    find(cell, "[data-cves-none]").hidden = cves.length > 0;
    more.parentElement.hidden = cves.length <= CVES_SHOWN;
    more.setAttribute("aria-label", counted(cves.length - CVES_SHOWN, "more CVE"));
    setText(more, `+${count(cves.length - CVES_SHOWN)}`);
    more.addEventListener("click", () => {
        for (const item of items) item.hidden = false;
        more.parentElement.hidden = true;
        find(items[CVES_SHOWN], "a").focus();
    });
}
