import { find, linkTo, setText } from "../lib/dom.js";
import { ConnectedElement } from "../lib/element.js";
import { counted, score } from "../lib/format.js";
import { request } from "../lib/http.js";
import { STATES, cveItem, hostOf, portOf, share } from "./finding-row.js";
import { definitionPage, hostPage, importPage } from "./links.js";

/** The maximum number of CVEs and references to show; the page of the vulnerability has all. */
const CVES_SHOWN = 20;
const REFERENCES_SHOWN = 5;
const KINDS = { opened: "Opened", changed: "Changed", reopened: "Reopened", resolved: "Resolved" };

/**
 * A finding with all its details, in a dialog next to the list.
 *
 * Events: `step`, with -1 or 1, for the previous or next finding; `closed`.
 */
class FindingPanel extends ConnectedElement {
    #dialog;
    #request = null;

    connectedCallback() {
        super.connectedCallback();
        this.#dialog = find(this, "dialog");
        this.listen(this.#dialog, "click", (event) => {
            const step = event.target.closest("[data-panel-step]");
            if (step) this.dispatchEvent(new CustomEvent("step", { detail: Number(step.dataset.panelStep) }));
            if (event.target.closest("[data-panel-copy]")) copy(event.target, find(this, '[data-panel="evidence"]').textContent);
            if (event.target.closest("[data-panel-link]")) copy(event.target, location.href);
            if (event.target === this.#dialog || event.target.closest("[data-panel-close]")) this.#dialog.close();
        });
        this.listen(this.#dialog, "close", () => {
            this.#request?.abort(); // its response would open the panel again
            this.dispatchEvent(new CustomEvent("closed"));
        });
        find(this, "[data-panel-link]").hidden = navigator.clipboard === undefined; // the page was not loaded over a secure connection
    }

    disconnectedCallback() {
        super.disconnectedCallback();
        this.#dialog.close();
    }

    /** @returns {boolean} */
    get isOpen() {
        return this.#dialog.open;
    }

    /** @param {string} findingId */
    async open(findingId) {
        this.#request?.abort();
        this.#request = new AbortController();
        const trouble = find(this, "[data-panel-trouble]");
        let finding;
        try {
            finding = await request(`/api/vulnerabilities/${encodeURIComponent(findingId)}`, { signal: this.#request.signal });
        } catch (error) {
            if (error.name === "AbortError") return; // a newer request has replaced it
            setText(trouble, error.message);
        }
        trouble.hidden = finding !== undefined;
        for (const part of ["[data-panel-body]", ".drawer-head"]) find(this, part).hidden = finding === undefined;
        setText(find(this, "[data-panel-link]"), "Copy link");
        if (finding) this.#show(finding);
        if (!this.#dialog.open) this.#dialog.showModal();
        find(this, "[data-panel-body]").scrollTop = 0;
    }

    /** Close the panel, and cancel its request. */
    close() {
        this.#request?.abort();
        this.#dialog.close();
    }

    /**
     * @param {{place: string, previous: boolean, next: boolean}} the position of the finding in its list, and whether there is a previous and a next one
     */
    showPlace({ place, previous, next }) {
        setText(find(this, "[data-panel-place]"), place);
        find(this, '[data-panel-step="-1"]').disabled = !previous;
        find(this, '[data-panel-step="1"]').disabled = !next;
    }

    #show(finding) {
        const button = find(this, "[data-panel-copy]");
        button.hidden = navigator.clipboard === undefined;
        setText(button, "Copy");
        const references = (finding.seeAlso ?? "").split(/\s+/).filter(Boolean);
        const texts = {
            title: finding.title || "–", severity: finding.severity, state: STATES[finding.state] ?? finding.state,
            host: hostOf(finding), ip: finding.ip === hostOf(finding) ? "" : finding.ip, port: portOf(finding),
            check: [finding.checkName, finding.family].filter(Boolean).join(" · ") || finding.title,
            source: [finding.scannerName, finding.source].filter(Boolean).join(" · "),
            scores: [["CVSS", score(finding.cvss)], ["VPR", score(finding.vpr)], ["EPSS", share(finding.epss)]]
                .filter(([, value]) => value !== "–").map((pair) => pair.join(" ")).join(" · "),
            vector: finding.cvssVector, firstSeen: finding.firstSeen, lastSeen: finding.lastSeen, resolvedOn: finding.resolvedOn,
            published: finding.published, evidence: finding.evidence, noEvidence: finding.evidence ? "" : "The scanner reported none.",
            description: finding.description, solution: finding.solution,
        };
        for (const [name, text] of Object.entries(texts)) {
            setText(find(this, `[data-panel="${name}"]`), text ?? "");
            const line = this.querySelector(`[data-panel-line="${name}"]`);
            if (line) line.hidden = !text;
        }
        find(this, '[data-panel="severity"]').dataset.severity = finding.severity;
        find(this, '[data-panel="state"]').dataset.state = finding.state;
        find(this, 'a[data-panel="host"]').href = hostPage(finding.hostId);
        find(this, 'a[data-panel="check"]').href = definitionPage(finding.definitionId);
        find(this, "[data-panel-hosts]").href = `${definitionPage(finding.definitionId)}?group=host`;
        find(this, '[data-panel-line="cves"]').hidden = finding.cves.length === 0;
        find(this, "[data-panel-cves]").replaceChildren(...finding.cves.slice(0, CVES_SHOWN).map(cveItem));
        this.#showMore("cves", finding.cvesTotal - CVES_SHOWN, "more CVE", finding);
        find(this, '[data-panel-line="seeAlso"]').hidden = references.length === 0;
        find(this, '[data-panel="seeAlso"]').replaceChildren(...references.slice(0, REFERENCES_SHOWN).flatMap((each) => [reference(each), "\n"]));
        this.#showMore("seeAlso", references.length - REFERENCES_SHOWN, "more reference", finding);
        find(this, "[data-panel-history]").replaceChildren(...finding.history.toReversed().map(eventItem));
    }

    /** Show how many more there are, as a link to the page that has all. */
    #showMore(name, left, noun, { definitionId }) {
        const link = find(this, `[data-panel-more="${name}"]`);
        link.hidden = left <= 0;
        link.href = definitionPage(definitionId);
        setText(link, counted(left, noun));
    }
}

/** @param {string} text from the scanner @returns {HTMLAnchorElement | string} a link if it is the address of a page */
function reference(text) {
    if (!/^https?:\/\//i.test(text)) return text;
    const link = linkTo(text, text);
    link.rel = "noopener noreferrer";
    link.target = "_blank";
    return link;
}

async function copy(button, text) {
    try {
        await navigator.clipboard.writeText(text);
        setText(button, "Copied");
    } catch {
        setText(button, "Not copied"); // the browser does not allow it
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
