/**
 * Findings by severity as a bar and as cells.
 */
import { setText } from "./dom.js";
import { count } from "./format.js";

/** The worst first. */
export const SEVERITIES = ["critical", "high", "medium", "low", "info"];

/**
 * Fill a bar whose parts are as wide as their share.
 *
 * @param {Element} bar
 * @param {Record<string, number>} bySeverity
 */
export function fillMix(bar, bySeverity) {
    const total = SEVERITIES.reduce((sum, severity) => sum + bySeverity[severity], 0);
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
