import { STATES, cveItem, hostOf, portOf, share } from "./finding-row.js";
import { request } from "./shared/api.js";
import { definitionPage, hostPage, importPage } from "./shared/addresses.js";
import { find, setText } from "./shared/dom.js";
import { score } from "./shared/format.js";

const KINDS = { opened: "Opened", changed: "Changed", reopened: "Reopened", resolved: "Resolved" };

/**
 * All that is known of one finding, beside the list it was chosen from.
 */
export class FindingPanel {
    #dialog;
    #onClick = (event) => {
        if (event.target.closest("[data-panel-copy]")) this.#copy();
        if (event.target === this.#dialog || event.target.closest("[data-panel-close]")) this.#dialog.close();
    };

    /** @param {HTMLDialogElement} dialog */
    constructor(dialog) {
        this.#dialog = dialog;
    }

    start() {
        this.#dialog.addEventListener("click", this.#onClick);
    }

    stop() {
        this.#dialog.removeEventListener("click", this.#onClick);
        this.#dialog.close();
    }

    /** @param {string} findingId */
    async open(findingId) {
        const trouble = find(this.#dialog, "[data-panel-trouble]");
        let finding;
        try {
            finding = await request(`/api/vulnerabilities/${findingId}`);
        } catch (error) {
            setText(trouble, error.message);
        }
        trouble.hidden = finding !== undefined;
        find(this.#dialog, "[data-panel-body]").hidden = finding === undefined;
        if (finding) this.#show(finding);
        if (!this.#dialog.open) this.#dialog.showModal();
        find(this.#dialog, "[data-panel-body]").scrollTop = 0;
    }

    async #copy() {
        const button = find(this.#dialog, "[data-panel-copy]");
        try {
            await navigator.clipboard.writeText(find(this.#dialog, '[data-panel="evidence"]').textContent);
            setText(button, "Copied");
        } catch {
            setText(button, "Not copied"); // the browser does not let pages do it
        }
    }

    #show(finding) {
        const copy = find(this.#dialog, "[data-panel-copy]");
        copy.hidden = navigator.clipboard === undefined; // where the page is not loaded securely
        setText(copy, "Copy");
        const texts = {
            title: finding.title || "–", severity: finding.severity, state: STATES[finding.state] ?? finding.state,
            host: hostOf(finding), ip: finding.ip === hostOf(finding) ? "" : finding.ip, port: portOf(finding),
            plugin: [finding.pluginId, finding.family].filter(Boolean).join(" · "),
            source: [finding.scannerName, finding.source].filter(Boolean).join(" · "),
            scores: [["CVSS", score(finding.cvss)], ["VPR", score(finding.vpr)], ["EPSS", share(finding.epss)]]
                .filter(([, value]) => value !== "–").map((pair) => pair.join(" ")).join(" · "),
            vector: finding.cvssVector, firstSeen: finding.firstSeen, lastSeen: finding.lastSeen, resolvedOn: finding.resolvedOn,
            published: finding.published, evidence: finding.evidence, description: finding.description, solution: finding.solution, seeAlso: finding.seeAlso,
        };
        for (const [name, text] of Object.entries(texts)) {
            setText(find(this.#dialog, `[data-panel="${name}"]`), text ?? "");
            const line = this.#dialog.querySelector(`[data-panel-line="${name}"]`);
            if (line) line.hidden = !text;
        }
        find(this.#dialog, '[data-panel="severity"]').dataset.severity = finding.severity;
        find(this.#dialog, '[data-panel="state"]').dataset.state = finding.state;
        find(this.#dialog, 'a[data-panel="host"]').href = hostPage(finding.hostId);
        find(this.#dialog, 'a[data-panel="plugin"]').href = definitionPage(finding.definitionId);
        find(this.#dialog, "[data-panel-hosts]").href = `${definitionPage(finding.definitionId)}?group=host`;
        find(this.#dialog, '[data-panel-line="cves"]').hidden = finding.cves.length === 0;
        find(this.#dialog, "[data-panel-cves]").replaceChildren(...finding.cves.map(cveItem));
        find(this.#dialog, "[data-panel-history]").replaceChildren(...finding.history.toReversed().map(eventItem));
    }
}

function eventItem(event) {
    const item = document.createElement("li");
    item.dataset.kind = event.kind;
    const what = document.createElement("strong");
    setText(what, KINDS[event.kind] ?? event.kind);
    const link = document.createElement("a");
    link.href = importPage(event.importId);
    setText(link, event.filename);
    item.append(what, ` ${event.day} by `, link, changeOf(event));
    return item;
}

/** Such as ": severity high → critical, VPR 6.7 → 9.1". */
function changeOf({ kind, before, after }) {
    if (kind !== "changed" || before === null) return "";
    const told = [["severity", "severity", String], ["vpr", "VPR", score], ["cvss", "CVSS", score]]
        .filter(([name]) => before[name] !== after[name])
        .map(([name, label, shown]) => `${label} ${shown(before[name])} → ${shown(after[name])}`);
    return told.length > 0 ? `: ${told.join(", ")}` : "";
}
