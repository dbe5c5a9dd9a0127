import { copyOf, find, setText } from "../lib/dom.js";
import { count, score } from "../lib/format.js";
import { cvePage, definitionPage, hostPage, listOf } from "./links.js";
import { fillMix, fillSeverities } from "./severities.js";

/** Kind of group -> its name, its page, and the text below its name. */
const KINDS = {
    host: {
        heading: "Host",
        nouns: ["host", "hosts"],
        name: (group) => group.host,
        page: (group) => hostPage(group.hostId),
        detail: (group) => [group.ip !== group.host && group.ip, group.os, group.source].filter(Boolean).join(" · "),
    },
    definition: {
        heading: "Vulnerability",
        nouns: ["vulnerability", "vulnerabilities"],
        name: (group) => group.title,
        page: (group) => definitionPage(group.definitionId),
        detail: (group) => [group.checkName, group.family, group.source].filter(Boolean).join(" · "),
    },
    cve: {
        heading: "CVE",
        nouns: ["CVE", "CVEs"],
        name: (group) => group.cve,
        page: (group) => cvePage(group.cve),
        detail: (group) => group.title,
    },
    family: {
        heading: "Family",
        nouns: ["family", "families"],
        name: (group) => group.family || "No family",
        page: (group) => listOf({ family: group.family }),
        detail: () => "",
    },
    os: {
        heading: "Operating system",
        nouns: ["operating system", "operating systems"],
        name: (group) => group.os || "Unknown",
        page: (group) => listOf({ os: group.os }),
        detail: () => "",
    },
    source: {
        heading: "Source",
        nouns: ["source", "sources"],
        name: (group) => group.source || group.scannerName,
        page: (group) => listOf({ source: group.sourceId }),
        detail: (group) => (group.source ? group.scannerName : ""),
    },
};

/** @param {string} kind @returns {string} the heading of its column */
export const groupHeading = (kind) => KINDS[kind].heading;

/** @param {string} kind @param {number} number of groups @returns {string} such as `2 families` */
export const groupsCounted = (kind, number) => `${count(number)} ${KINDS[kind].nouns[number === 1 ? 0 : 1]}`;

/** @param {string} kind @returns {boolean} whether its groups can have several hosts */
export const countsHosts = (kind) => kind !== "host";

/**
 * The row of a group of findings.
 *
 * @param {HTMLTemplateElement} template
 * @param {string} kind
 * @param {object} group from the API
 * @param {number} [largest] the number of findings of a bar of full width
 * @returns {HTMLElement}
 */
export function groupRow(template, kind, group, largest) {
    const { name, page, detail } = KINDS[kind];
    const row = copyOf(template);
    const link = find(row, "[data-group-name]");
    link.href = page(group);
    setText(link, name(group) || "–");
    link.title = link.textContent;
    setText(find(row, "[data-group-detail]"), detail(group));
    fillMix(find(row, "[data-mix]"), group.bySeverity, largest);
    fillSeverities(row, group.bySeverity);
    setText(find(row, "[data-group-findings]"), count(group.findings));
    const hosts = row.querySelector("[data-group-hosts]");
    if (hosts) {
        setText(hosts, count(group.hosts));
        hosts.hidden = !countsHosts(kind);
    }
    const vpr = row.querySelector("[data-group-vpr]");
    if (vpr) setText(vpr, group.vprSum > 0 ? score(group.vprSum) : "–");
    for (const [place, day] of [["first", group.firstSeen], ["last", group.lastSeen]]) {
        const cell = row.querySelector(`[data-group-${place}-seen]`);
        if (cell) setText(cell, day ?? "–");
    }
    return row;
}
