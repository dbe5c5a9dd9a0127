import { cvePage, definitionPage } from "./shared/addresses.js";
import { find, setText } from "./shared/dom.js";
import { count, score } from "./shared/format.js";
import { Panel } from "./shared/panel.js";
import { SEVERITIES, fillMix } from "./shared/severity-mix.js";
import { historyRow } from "./trend-card.js";

/**
 * The head of a host's, a definition's or a CVE's page: what is known of it, what is open, and which imports brought it about.
 */
export class SubjectPage extends Panel {
    show(subject) {
        const texts = {
            ...subject,
            source: [subject.scanner, subject.source].filter(Boolean).join(" · "),
            cvss: subject.cvss && [score(subject.cvss), subject.cvssVector].filter(Boolean).join(" · "),
            vpr: subject.vpr && score(subject.vpr),
            epss: subject.epss && `${(subject.epss * 100).toFixed(1)} %`,
        };
        for (const field of this.element.querySelectorAll("[data-subject]")) {
            const text = texts[field.dataset.subject];
            setText(field, text ?? "");
            const line = field.closest("[data-subject-line]");
            if (line) line.hidden = !text;
        }
        const figures = { open: count(subject.open), openHosts: count(subject.openHosts), vprSum: score(subject.vprSum), oldest: subject.oldest ?? "–" };
        for (const cell of this.element.querySelectorAll("[data-subject-figure]")) setText(cell, figures[cell.dataset.subjectFigure]);
        fillMix(find(this.element, "[data-subject-mix]"), subject.bySeverity);
        const told = SEVERITIES.filter((severity) => subject.bySeverity[severity] > 0).map((severity) => `${count(subject.bySeverity[severity])} ${severity}`);
        setText(find(this.element, "[data-subject-told]"), told.join(" · ") || "nothing is open");
        this.#showLinks("cves", subject.cves?.map((cve) => [cve, cvePage(cve)]));
        this.#showLinks("definitions", subject.definitions?.map((found) => [[found.title, found.scanner, found.source].filter(Boolean).join(" · "), definitionPage(found.definitionId)]));
        const history = find(this.element, "[data-subject-history]");
        history.hidden = !subject.history?.length;
        find(this.element, "[data-subject-events]").replaceChildren(...(subject.history ?? []).toReversed().map(historyRow));
        drawOpen(find(this.element, "[data-subject-line-chart]"), subject.history ?? []);
        return true;
    }

    #showLinks(name, links = []) {
        const list = this.element.querySelector(`[data-subject-links="${name}"]`);
        if (!list) return;
        list.closest("[data-subject-line]").hidden = links.length === 0;
        list.replaceChildren(
            ...links.map(([text, address]) => {
                const item = document.createElement("li");
                const link = document.createElement("a");
                link.href = address;
                setText(link, text);
                item.append(link);
                return item;
            }),
        );
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
    find(svg, "[data-line]").setAttribute("d", history.length === 1 ? `M0 ${y(history[0].open)}H${WIDTH}` : steps);
    svg.toggleAttribute("hidden", history.length === 0);
}
