import { copyOf, fill, find, linkTo, setText } from "../lib/dom.js";
import { count, counted, score } from "../lib/format.js";
import { cvePage, definitionPage, hostPage } from "./links.js";

/** Kind of a value -> its formatter. */
const KINDS = { text: (value) => value || "–", day: (value) => value ?? "–", score, share };
/** Columns that need more than their value. */
const TEXTS = {
    port: portOf,
    source: (finding) => finding.source || finding.scannerName,
    scanner: (finding) => finding.scannerName,
};
export const STATES = { active: "Active", reopened: "Reopened", resolved: "Resolved", retired: "Source retired" };

/**
 * The row of a finding. Text that is cut is shown in full as a tooltip.
 *
 * @param {HTMLTemplateElement} template
 * @param {object} finding from the API
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
        title: finding.title || "–",
        check: [finding.checkName, finding.family].filter(Boolean).join(" · "),
    });
    find(row, '[data-field="severity"]').dataset.severity = finding.severity;
    const link = find(row, "[data-host-link]");
    link.href = hostPage(finding.hostId);
    link.title = [host, finding.fqdn !== host && finding.fqdn, finding.ip !== host && finding.ip].filter(Boolean).join(" · ");
    find(row, "[data-open-finding]").title = finding.title ?? "";
    for (const cell of row.querySelectorAll("[data-column]")) fillCell(cell, finding);
    return row;
}

/** @param {object} finding @returns {string} the name of its host */
export function hostOf(finding) {
    return finding.host || finding.fqdn || finding.ip || "–";
}

/** @param {object} finding @returns {string} such as `443/tcp`; a dash for port 0, which means the whole host */
export function portOf(finding) {
    return [finding.port || "–", finding.port ? finding.protocol : ""].filter(Boolean).join("/");
}

/** @param {number | null} epss @returns {string} as a percentage, as FIRST publishes it */
export function share(epss) {
    return epss === null || epss === undefined ? "–" : `${(epss * 100).toFixed(1)} %`;
}

/** @param {string} cve @returns {HTMLElement} a list item with a link to the CVE's page */
export function cveItem(cve) {
    const item = document.createElement("li");
    item.append(linkTo(cvePage(cve), cve));
    return item;
}

function fillCell(cell, finding) {
    const { column, kind } = cell.dataset;
    if (kind === "cves") fillCves(cell, finding);
    else if (kind === "state") fillState(find(cell, '[data-field="state"]'), finding);
    else {
        setText(cell, column in TEXTS ? TEXTS[column](finding) : KINDS[kind](finding[column]));
        if (kind === "text") cell.title = cell.textContent;
    }
}

function fillState(badge, { state, resolvedOn }) {
    setText(badge, STATES[state] ?? state);
    badge.dataset.state = state;
    if (resolvedOn) badge.title = `Resolved on ${resolvedOn}`;
}

/** Show the first CVE, and the number of others, which are on the page of the vulnerability. */
function fillCves(cell, { cves, cvesTotal, definitionId }) {
    if (cves.length === 0) {
        setText(cell, "–");
        return;
    }
    const first = find(cell, "[data-cve]");
    const more = find(cell, "[data-cves-more]");
    first.href = cvePage(cves[0]);
    setText(first, cves[0]);
    more.hidden = cvesTotal <= 1;
    more.href = definitionPage(definitionId);
    more.setAttribute("aria-label", counted(cvesTotal - 1, "more CVE"));
    setText(more, `+${count(cvesTotal - 1)}`);
}
