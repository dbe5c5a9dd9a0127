import { find, linkTo, setText } from "../lib/dom.js";
import { ConnectedElement } from "../lib/element.js";
import { score } from "../lib/format.js";
import { request } from "../lib/http.js";
import { STATES, cveItem, hostOf, portOf, share } from "./finding-row.js";
import { definitionPage, hostPage, importPage } from "./links.js";

const KINDS = { opened: "Opened", changed: "Changed", reopened: "Reopened", resolved: "Resolved" };

/**
 * Everything about one finding, in a dialog beside the list it was chosen from.
 */
class FindingPanel extends ConnectedElement {
    #dialog;

    connectedCallback() {
        super.connectedCallback();
        this.#dialog = find(this, "dialog");
        this.listen(this.#dialog, "click", (event) => {
            if (event.target.closest("[data-panel-copy]")) this.#copy();
            if (event.target === this.#dialog || event.target.closest("[data-panel-close]")) this.#dialog.close();
        });
    }

    disconnectedCallback() {
        super.disconnectedCallback();
        this.#dialog.close();
    }

    /** @param {string} findingId */
    async open(findingId) {
        const trouble = find(this, "[data-panel-trouble]");
        let finding;
        try {
            finding = await request(`/api/vulnerabilities/${findingId}`);
        } catch (error) {
            setText(trouble, error.message);
        }
        trouble.hidden = finding !== undefined;
        find(this, "[data-panel-body]").hidden = finding === undefined;
        if (finding) this.#show(finding);
        if (!this.#dialog.open) this.#dialog.showModal();
        find(this, "[data-panel-body]").scrollTop = 0;
    }

    async #copy() {
        const button = find(this, "[data-panel-copy]");
        try {
            await navigator.clipboard.writeText(find(this, '[data-panel="evidence"]').textContent);
            setText(button, "Copied");
        } catch {
            setText(button, "Not copied"); // the browser does not let pages do it
        }
    }

    #show(finding) {
        const copy = find(this, "[data-panel-copy]");
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
            setText(find(this, `[data-panel="${name}"]`), text ?? "");
            const line = this.querySelector(`[data-panel-line="${name}"]`);
            if (line) line.hidden = !text;
        }
        find(this, '[data-panel="severity"]').dataset.severity = finding.severity;
        find(this, '[data-panel="state"]').dataset.state = finding.state;
        find(this, 'a[data-panel="host"]').href = hostPage(finding.hostId);
        find(this, 'a[data-panel="plugin"]').href = definitionPage(finding.definitionId);
        find(this, "[data-panel-hosts]").href = `${definitionPage(finding.definitionId)}?group=host`;
        find(this, '[data-panel-line="cves"]').hidden = finding.cves.length === 0;
        find(this, "[data-panel-cves]").replaceChildren(...finding.cves.map(cveItem));
        find(this, "[data-panel-history]").replaceChildren(...finding.history.toReversed().map(eventItem));
    }
}

function eventItem(event) {
    const item = document.createElement("li");
    item.dataset.kind = event.kind;
    const what = document.createElement("strong");
    setText(what, KINDS[event.kind] ?? event.kind);
    item.append(what, ` ${event.day} by `, linkTo(importPage(event.importId), event.filename), changeOf(event));
    if (event.startedBy) item.append(`, imported by ${event.startedBy}`);
    return item;
}

/** Such as ": severity high → critical, VPR 6.7 → 9.1". */
function changeOf({ kind, before, after }) {
    if (kind !== "changed" || before === null) return "";
    const changes = [["severity", "severity", String], ["vpr", "VPR", score], ["cvss", "CVSS", score]]
        .filter(([name]) => before[name] !== after[name])
        .map(([name, label, shown]) => `${label} ${shown(before[name])} → ${shown(after[name])}`);
    return changes.length > 0 ? `: ${changes.join(", ")}` : "";
}

customElements.define("finding-panel", FindingPanel);
