import { DataElement } from "../elements/data-element.js";
import { importPage } from "../elements/links.js";
import { SEVERITIES, fillMix } from "../elements/severities.js";
import { find, linkTo, numbersRow, setText } from "../lib/dom.js";
import { count, score } from "../lib/format.js";

const WIDTH = 600;
const HEIGHT = 64;
const HISTORY = ["opened", "reopened", "resolved", "changed", "open"];

/**
 * The head of the page of a host, a vulnerability or a CVE: its open findings, and what each import changed.
 */
class EntitySummary extends DataElement {
    show({ open, openHosts, vprSum, oldest, bySeverity, history }) {
        const figures = { open: count(open), openHosts: count(openHosts), vprSum: score(vprSum), oldest: oldest ?? "–" };
        for (const cell of this.querySelectorAll("[data-entity-figure]")) setText(cell, figures[cell.dataset.entityFigure]);
        fillMix(find(this, "[data-entity-mix]"), bySeverity);
        const texts = SEVERITIES.filter((severity) => bySeverity[severity] > 0).map((severity) => `${count(bySeverity[severity])} ${severity}`);
        setText(find(this, "[data-entity-severities]"), texts.join(" · ") || "nothing is open");
        this.#showHistory(history);
        this.showView("list");
    }

    #showHistory(history) {
        const named = new Set(history.map(({ sourceId }) => sourceId)).size > 1;
        find(this, "[data-entity-history]").replaceChildren(...history.toReversed().map((change) => historyRow(change, named)));
        drawOpen(find(this, "[data-entity-chart]"), history);
        const note = find(this, "[data-entity-no-history]");
        note.hidden = history.length > 0;
        setText(note, "No import changed it.");
    }
}

/** What one import did to a host, a definition or a CVE; with its source where there are several. */
function historyRow(change, isSourceShown) {
    const heading = document.createDocumentFragment();
    const link = linkTo(importPage(change.importId), change.filename);
    link.className = "lead-name";
    heading.append(link);
    if (isSourceShown) heading.append(sourceLine(change));
    return numbersRow(heading, [change.day ?? "–", ...HISTORY.map((figure) => count(change[figure]))]);
}

function sourceLine({ scannerName, source }) {
    const line = document.createElement("span");
    line.className = "lead-detail";
    setText(line, source || scannerName);
    line.title = [scannerName, source].filter(Boolean).join(" · ");
    return line;
}

/** How many findings were open after each import, as steps; the table beside it has the same in figures. */
function drawOpen(svg, history) {
    const most = Math.max(1, ...history.map((change) => change.open));
    const x = (index) => (index / history.length) * WIDTH; // as wide as each other, the latest import too
    const y = (open) => HEIGHT - 2 - (open / most) * (HEIGHT - 6);
    const steps = history.map((change, index) => `${index === 0 ? `M0 ${y(change.open)}` : `H${x(index)}V${y(change.open)}`}`).join("");
    const line = steps && `${steps}H${WIDTH}`;
    find(svg, "[data-line]").setAttribute("d", line);
    find(svg, "[data-area]").setAttribute("d", line && `${line}V${HEIGHT}H0Z`);
    svg.toggleAttribute("hidden", history.length === 0);
}

customElements.define("entity-summary", EntitySummary);
