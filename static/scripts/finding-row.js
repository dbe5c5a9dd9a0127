import { copyOf, fill, find, setText } from "./shared/dom.js";
import { count, score } from "./shared/format.js";

const CVES_SHOWN = 2;
const CVE = /^CVE-\d{4}-\d{4,}$/;
const STATES = { active: "Active", reopened: "Reopened", resolved: "Resolved" };

/**
 * The row of one finding.
 *
 * @param {HTMLTemplateElement} template
 * @param {object} finding as the server tells it
 * @returns {HTMLElement}
 */
export function findingRow(template, finding) {
    const row = copyOf(template);
    row.dataset.findingId = finding.id;
    const host = finding.host || finding.fqdn || finding.ip || "–";
    fill(row, {
        severity: finding.severity,
        host,
        ip: finding.ip && finding.ip !== host ? finding.ip : "",
        title: finding.title || "–",
        plugin: [finding.pluginId && `Plugin ${finding.pluginId}`, finding.family].filter(Boolean).join(" · "),
        port: [finding.port ?? "–", finding.protocol].filter(Boolean).join("/"),
        vpr: score(finding.vpr),
        cvss: score(finding.cvss),
        firstSeen: finding.firstSeen ?? "–",
        lastSeen: finding.lastSeen ?? "–",
        state: STATES[finding.state] ?? finding.state,
    });
    find(row, '[data-field="severity"]').dataset.severity = finding.severity;
    const state = find(row, '[data-field="state"]');
    state.dataset.state = finding.state;
    if (finding.resolvedOn) state.title = `Resolved on ${finding.resolvedOn}`;
    if (finding.fqdn && finding.fqdn !== host) find(row, '[data-field="host"]').title = finding.fqdn;
    fillCves(find(row, "[data-cves]"), finding.cves ?? []);
    return row;
}

function fillCves(cell, cves) {
    const more = find(cell, "[data-cves-more]");
    const items = cves.map(cveItem);
    for (const item of items.slice(CVES_SHOWN)) item.hidden = true;
    find(cell, "ul").prepend(...items);
    find(cell, "[data-cves-none]").hidden = cves.length > 0;
    more.parentElement.hidden = cves.length <= CVES_SHOWN;
    setText(more, `+${count(cves.length - CVES_SHOWN)} more`);
    more.addEventListener("click", () => {
        for (const item of items) item.hidden = false;
        more.parentElement.hidden = true;
        items[CVES_SHOWN].tabIndex = -1;
        items[CVES_SHOWN].focus();
    });
}

/** A scanner may call anything a CVE; only what looks like one becomes a link. */
function cveItem(name) {
    const item = document.createElement("li");
    if (!CVE.test(name)) {
        item.textContent = name;
        return item;
    }
    const link = document.createElement("a");
    link.href = `https://nvd.nist.gov/vuln/detail/${name}`;
    link.rel = "noopener noreferrer";
    link.target = "_blank";
    link.textContent = name;
    item.append(link);
    return item;
}
