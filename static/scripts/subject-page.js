import { find, setText } from "./shared/dom.js";
import { count, score } from "./shared/format.js";
import { Panel } from "./shared/panel.js";
import { SEVERITIES, fillMix } from "./shared/severity-mix.js";
import { historyRow } from "./trend-card.js";

/**
 * The head of a host's, a definition's or a CVE's page: what is open, and which imports brought it about.
 */
export class SubjectPage extends Panel {
    show({ open, openHosts, vprSum, oldest, bySeverity, history }) {
        const figures = { open: count(open), openHosts: count(openHosts), vprSum: score(vprSum), oldest: oldest ?? "–" };
        for (const cell of this.element.querySelectorAll("[data-subject-figure]")) setText(cell, figures[cell.dataset.subjectFigure]);
        fillMix(find(this.element, "[data-subject-mix]"), bySeverity);
        const told = SEVERITIES.filter((severity) => bySeverity[severity] > 0).map((severity) => `${count(bySeverity[severity])} ${severity}`);
        setText(find(this.element, "[data-subject-told]"), told.join(" · ") || "nothing is open");
        this.#showHistory(history);
        return true;
    }

    #showHistory(history) {
        find(this.element, "[data-subject-events]").replaceChildren(...(history ?? []).toReversed().map(historyRow));
        drawOpen(find(this.element, "[data-subject-line-chart]"), history ?? []);
        const untold = find(this.element, "[data-subject-untold]");
        untold.hidden = (history ?? []).length > 0;
        setText(untold, history === null ? "There are too many findings to tell import by import." : "No import that is on record changed it.");
    }
}

const WIDTH = 600;
const HEIGHT = 64;

/** How many stood open after each import, as steps; the table beside it says the same in figures. */
function drawOpen(svg, history) {
    const most = Math.max(1, ...history.map((told) => told.open));
    const x = (index) => (history.length > 1 ? (index / (history.length - 1)) * WIDTH : WIDTH);
    const y = (open) => HEIGHT - 2 - (open / most) * (HEIGHT - 6);
    const steps = history.map((told, index) => `${index === 0 ? `M0 ${y(told.open)}` : `H${x(index)}V${y(told.open)}`}`).join("");
    const line = history.length === 1 ? `M0 ${y(history[0].open)}H${WIDTH}` : steps;
    find(svg, "[data-line]").setAttribute("d", line);
    find(svg, "[data-area]").setAttribute("d", line && `${line}V${HEIGHT}H0Z`);
    svg.toggleAttribute("hidden", history.length === 0);
}
