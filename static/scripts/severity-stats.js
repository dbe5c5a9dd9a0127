import { request } from "./shared/api.js";
import { debug } from "./shared/debug.js";
import { find, setText } from "./shared/dom.js";
import { count, score } from "./shared/format.js";

/**
 * The open findings of each severity, and what they add up to. Kept up to date when an import ends.
 */
export class SeverityStats {
    #element;
    #runs;
    #refresh = () => this.#load();

    /**
     * @param {HTMLElement} element
     * @param {{runs: import("./shared/import-runs.js").ImportRuns}} page
     */
    constructor(element, { runs }) {
        this.#element = element;
        this.#runs = runs;
    }

    start() {
        this.#runs.addEventListener("progressed", this.#refresh);
        this.#load();
    }

    stop() {
        this.#runs.removeEventListener("progressed", this.#refresh);
    }

    async #load() {
        try {
            this.#show(await request("/api/vulnerabilities/stats"));
        } catch (error) {
            debug("no statistics:", error.message); // the list below says that the server cannot be reached
        }
    }

    #show(stats) {
        for (const [severity, open] of Object.entries(stats.bySeverity)) {
            const card = find(this.#element, `[data-stat="${severity}"]`);
            setText(find(card, "[data-stat-value]"), count(open));
            this.#showChange(find(card, "[data-stat-change]"), stats.lastScans.bySeverity[severity].change, stats.lastScans.to !== null);
            find(card, "[data-stat-share]").style.width = `${stats.open > 0 ? (open / stats.open) * 100 : 0}%`;
        }
        this.#element.dataset.empty = stats.total === 0;
        const totals = { open: count(stats.open), hosts: count(stats.hosts), vprSum: score(stats.vprSum) };
        for (const [name, text] of Object.entries(totals)) setText(find(this.#element, `[data-total="${name}"]`), text);
    }

    /** Against the scan before of each source. */
    #showChange(element, change, known) {
        setText(element, !known ? "" : change === 0 ? "±0" : change > 0 ? `+${count(change)}` : `−${count(-change)}`);
        element.dataset.direction = Math.sign(change);
        element.title = known ? "since the scan before" : "";
    }
}
