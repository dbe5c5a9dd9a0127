import { request } from "./shared/api.js";
import { importPage } from "./shared/addresses.js";
import { debug } from "./shared/debug.js";
import { find, setText } from "./shared/dom.js";
import { count, score } from "./shared/format.js";
import { Panel } from "./shared/panel.js";
import { SEVERITIES } from "./shared/severity-mix.js";
import { TrendChart } from "./shared/trend-chart.js";

const DAY_MS = 86_400_000;

/**
 * What was open over time, of all sources or one, for a period: as a chart and, for who rather reads, as a table.
 */
export class TrendCard extends Panel {
    #chart;
    #controls;
    #chosen = false; // the period is what a reader wanted
    #onChange = () => {
        this.#chosen = true;
        this.load();
    };

    constructor(element, page) {
        super(element, page);
        this.#chart = new TrendChart(find(element, "[data-trend-chart]"));
        this.#controls = Array.from(element.querySelectorAll("[data-trend-source], [data-trend-period]"));
    }

    get path() {
        const parameters = new URLSearchParams();
        const [source, period] = this.#controls.map((control) => control.value);
        if (source) parameters.set("source", source);
        if (period) parameters.set("from", new Date(Date.now() - Number(period) * DAY_MS).toISOString().slice(0, 10));
        return `/api/trends?${parameters}`;
    }

    start() {
        this.#chart.start();
        for (const control of this.#controls) control.addEventListener("change", this.#onChange);
        this.#loadSources();
        super.start();
    }

    stop() {
        super.stop();
        this.#chart.stop();
        for (const control of this.#controls) control.removeEventListener("change", this.#onChange);
    }

    show({ data }) {
        const [, period] = this.#controls;
        if (data.length === 0 && period.value && !this.#chosen) {
            period.value = ""; // rather older scans than none
            queueMicrotask(() => this.load());
        }
        this.element.dataset.view = "list"; // a hidden box has no width to draw in
        this.#chart.draw(data);
        find(this.element, "[data-trend-rows]").replaceChildren(...data.toReversed().map(pointRow));
        return data.length > 0;
    }

    async #loadSources() {
        try {
            const { data } = await request("/api/sources");
            const select = find(this.element, "[data-trend-source]");
            const { value } = select;
            select.replaceChildren(select.options[0], ...data.map((source) => new Option([source.scannerName, source.source].filter(Boolean).join(" · "), source.sourceId)));
            select.value = value;
        } catch (error) {
            debug("no sources:", error.message); // the chart says that the server cannot be reached
        }
    }
}

/** @param {object} point of a trend @returns {HTMLElement} */
function pointRow(point) {
    const day = heading(point.day);
    const cells = [...SEVERITIES.map((severity) => count(point.open[severity])), count(point.total), score(point.vprSum), count(point.opened), count(point.resolved), count(point.reopened)];
    return row(day, cells);
}

/** @param {object} told what an import did to a host, a definition or a CVE @returns {HTMLElement} */
export function historyRow(told) {
    const name = heading("");
    const link = document.createElement("a");
    link.href = importPage(told.importId);
    link.className = "lead-name";
    setText(link, told.filename);
    name.append(link);
    return row(name, [told.day ?? "–", ...["opened", "reopened", "resolved", "changed", "open"].map((figure) => count(told[figure]))]);
}

function heading(text) {
    const cell = document.createElement("th");
    cell.scope = "row";
    setText(cell, text);
    return cell;
}

function row(first, texts) {
    const element = document.createElement("tr");
    element.append(
        first,
        ...texts.map((text) => {
            const cell = document.createElement("td");
            cell.className = "number";
            setText(cell, text);
            return cell;
        }),
    );
    return element;
}
