import { debug } from "../lib/debug.js";
import { find, setText } from "../lib/dom.js";
import { count, score } from "../lib/format.js";
import { DataElement } from "./data-element.js";

/** Worst first. */
export const SEVERITIES = ["critical", "high", "medium", "low", "info"];

/**
 * Fill a bar whose parts are proportional to the counts.
 *
 * @param {HTMLElement} bar
 * @param {Record<string, number>} bySeverity
 * @param {number} [largest] the number of findings of a bar of full width; by default that of this bar
 */
export function fillMix(bar, bySeverity, largest) {
    const total = SEVERITIES.reduce((sum, severity) => sum + bySeverity[severity], 0);
    if (largest) bar.style.width = `${(total / largest) * 100}%`;
    bar.replaceChildren(
        ...SEVERITIES.filter((severity) => bySeverity[severity] > 0).map((severity) => {
            const part = document.createElement("span");
            part.dataset.severity = severity;
            part.style.flexGrow = String(bySeverity[severity] / total);
            part.title = `${count(bySeverity[severity])} ${severity}`;
            return part;
        }),
    );
}

/**
 * @param {Element} row with a cell `[data-of-severity]` for each severity
 * @param {Record<string, number>} bySeverity
 */
export function fillSeverities(row, bySeverity) {
    for (const cell of row.querySelectorAll("[data-of-severity]")) {
        const number = bySeverity[cell.dataset.ofSeverity];
        setText(cell, count(number));
        cell.dataset.zero = number === 0;
    }
}

/**
 * The open findings by severity, and their total.
 */
class SeverityStats extends DataElement {
    show(stats) {
        for (const [severity, open] of Object.entries(stats.bySeverity)) {
            const card = find(this, `[data-stat="${severity}"]`);
            setText(find(card, "[data-stat-value]"), count(open));
            showChange(find(card, "[data-stat-change]"), stats.lastScans.bySeverity[severity].change, stats.lastScans.sourcesCompared > 0);
            find(card, "[data-stat-share]").style.width = `${stats.open > 0 ? (open / stats.open) * 100 : 0}%`;
        }
        this.dataset.empty = stats.total === 0;
        const totals = { open: count(stats.open), hosts: count(stats.openHosts), vprSum: score(stats.vprSum) };
        for (const element of this.querySelectorAll("[data-total]")) setText(element, totals[element.dataset.total]);
    }

    showError(error) {
        debug("no statistics:", error.message); // the list below shows the error
    }
}

/** The change since the previous scan of each source. */
function showChange(element, change, known) {
    setText(element, !known ? "" : change === 0 ? "±0" : change > 0 ? `+${count(change)}` : `−${count(-change)}`);
    element.dataset.direction = Math.sign(change);
    element.title = known ? "since the previous scan" : "";
}

customElements.define("severity-stats", SeverityStats);
