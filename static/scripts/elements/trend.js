import { debug } from "../lib/debug.js";
import { find, numbersRow } from "../lib/dom.js";
import { count, roughly, score } from "../lib/format.js";
import { request } from "../lib/http.js";
import { DataElement } from "./data-element.js";
import { SEVERITIES } from "./severities.js";

let uPlot = null; // imported by the first chart: most pages have none

const HEIGHT = 260;
const DAY = 86_400; // in seconds, as uPlot counts
const days = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });

/**
 * Open findings over time, one severity upon the other, and beside them the sum of their VPR. What was open stays so until the next scan.
 */
class TrendChart {
    #element;
    #plot = null;
    #given = [];
    #points = [];
    #resize = new ResizeObserver(() => this.#fit());
    #redraw = () => this.draw(this.#given);
    #dark = matchMedia("(prefers-color-scheme: dark)");
    #themes = new MutationObserver(this.#redraw);

    /** @param {HTMLElement} element the box that the chart fills */
    constructor(element) {
        this.#element = element;
    }

    start() {
        this.#resize.observe(this.#element);
        this.#themes.observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
        this.#dark.addEventListener("change", this.#redraw);
    }

    stop() {
        this.#resize.disconnect();
        this.#themes.disconnect();
        this.#dark.removeEventListener("change", this.#redraw);
        this.#given = [];
        this.#plot?.destroy();
        this.#plot = null;
    }

    /** @param {{day: string, open: Record<string, number>, vprSum: number}[]} points the oldest first */
    async draw(points) {
        this.#given = points;
        uPlot ??= (await import("../../vendor/uplot/uPlot.esm.min.js")).default;
        if (this.#given !== points) return; // there are newer ones, or the chart was stopped
        this.#plot?.destroy();
        this.#plot = null;
        this.#points = untilToday(points);
        this.#element.replaceChildren();
        if (points.length > 0) this.#plot = new uPlot(this.#options(), stacked(this.#points), this.#element);
    }

    #fit() {
        this.#plot?.setSize({ width: this.#element.clientWidth, height: HEIGHT });
    }

    #options() {
        const style = getComputedStyle(this.#element);
        const colour = (name) => resolved(this.#element, `var(--${name})`);
        const axis = { stroke: colour("quiet"), font: `12px ${style.fontFamily}`, ticks: { stroke: colour("line"), size: 4 }, grid: { stroke: colour("line"), width: 1 } };
        const steps = uPlot.paths.stepped({ align: 1 });
        const alone = this.#points.length === 1;
        const areas = SEVERITIES.map((severity, index) => ({
            label: severity[0].toUpperCase() + severity.slice(1),
            stroke: colour(severity),
            fill: colour(`${severity}-fill`),
            width: 1,
            paths: steps,
            points: { show: alone },
            value: (_plot, _value, _series, at) => (at === null ? "–" : count(this.#points[at].open[SEVERITIES[index]])),
        }));
        const vpr = {
            label: "VPR sum", scale: "vpr", stroke: colour("accent"), width: 2, dash: [6, 4], paths: steps, points: { show: alone },
            value: (_plot, value) => score(value),
        };
        const hasVpr = this.#points.some((point) => point.vprSum > 0);
        return {
            width: this.#element.clientWidth,
            height: HEIGHT,
            scales: { x: { time: true, range: alone ? around : null }, y: { range: (_plot, _least, most) => [0, Math.max(1, most * 1.08)] }, vpr: { range: (_plot, _least, most) => [0, Math.max(1, most * 1.08)] } },
            axes: [
                { ...axis, space: 80, values: (_plot, values) => values.map(dayOf) },
                { ...axis, size: 48, values: (_plot, values) => values.map((value) => (Number.isInteger(value) ? roughly(value) : "")) },
                ...(hasVpr ? [{ ...axis, scale: "vpr", side: 1, size: 48, grid: { show: false }, values: (_plot, values) => values.map(roughly) }] : []),
            ],
            series: [{ label: "Day", value: (_plot, _value, _series, at) => (at === null ? "–" : this.#points[at].day) }, ...areas, ...(hasVpr ? [vpr] : [])],
            cursor: { drag: { x: false, y: false }, points: { show: false } },
            hooks: { ready: [showLast], setCursor: [(plot) => plot.cursor.idx === null && showLast(plot)] },
            tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
        };
    }
}

/** What the last scan left stands until today, which is a point as well. */
function untilToday(points) {
    const day = new Date().toISOString().slice(0, 10);
    const last = points.at(-1);
    return last && last.day < day ? [...points, { ...last, day }] : points;
}

/** Seconds since the epoch, then the sums of each severity and all above it: the last one drawn lies on top. */
function stacked(points) {
    const times = points.map((point) => Date.parse(`${point.day}T00:00:00Z`) / 1000);
    const sums = SEVERITIES.map((_, index) => points.map((point) => SEVERITIES.slice(index).reduce((sum, severity) => sum + point.open[severity], 0)));
    const vpr = points.map((point) => point.vprSum);
    return [times, ...sums, ...(vpr.some((value) => value > 0) ? [vpr] : [])];
}

/** While the pointer is elsewhere, the legend says how it stands now. */
function showLast(plot) {
    plot.setLegend({ idx: plot.data[0].length - 1 });
}

/** Such as `5 Oct`; midnight stands for the day, and nothing is between two days. */
function dayOf(seconds) {
    return seconds % DAY === 0 ? days.format(seconds * 1000) : "";
}

/** A single day stands in the middle of a week; uPlot would end with it a thousand days later. */
function around(_plot, day) {
    return [day - 3 * DAY, day + 3 * DAY];
}

/** A canvas knows neither variables nor `light-dark()`. */
function resolved(element, colour) {
    const probe = document.createElement("span");
    probe.style.color = colour;
    element.append(probe);
    const { color } = getComputedStyle(probe);
    probe.remove();
    return color;
}

/**
 * What was open over time, of all sources or one, for a period: as a chart, and as a table for readers who prefer one.
 */
class TrendCard extends DataElement {
    #chart;
    #source;
    #period;
    #periodChosen = false;

    connectedCallback() {
        this.#chart = new TrendChart(find(this, "[data-trend-chart]"));
        this.#source = find(this, "[data-trend-source]");
        this.#period = find(this, "[data-trend-period]");
        this.#chart.start();
        super.connectedCallback();
        for (const control of [this.#source, this.#period]) {
            this.listen(control, "change", () => {
                this.#periodChosen = true;
                this.load();
            });
        }
        this.#loadSources();
    }

    disconnectedCallback() {
        super.disconnectedCallback();
        this.#chart.stop();
    }

    get path() {
        const parameters = new URLSearchParams();
        if (this.#source.value) parameters.set("source", this.#source.value);
        if (this.#period.value) {
            const from = new Date(Date.now() - Number(this.#period.value) * DAY * 1000);
            parameters.set("from", from.toISOString().slice(0, 10));
        }
        return `/api/trends?${parameters}`;
    }

    show({ data }) {
        if (data.length === 0 && this.#period.value && !this.#periodChosen) {
            this.#period.value = ""; // older scans are better than none
            queueMicrotask(() => this.load());
        }
        this.showView("list"); // a hidden box has no width to draw in
        this.#chart.draw(data);
        this.showList("[data-trend-rows]", data.toReversed().map(pointRow));
    }

    async #loadSources() {
        try {
            const { data } = await request("/api/sources", { signal: this.signal });
            const { value } = this.#source;
            const options = data.map((source) => new Option([source.scannerName, source.source].filter(Boolean).join(" · "), source.sourceId));
            this.#source.replaceChildren(this.#source.options[0], ...options);
            this.#source.value = value;
        } catch (error) {
            debug("no sources:", error.message); // the chart says that the server cannot be reached
        }
    }
}

/** @param {object} point of a trend @returns {HTMLElement} */
function pointRow({ day, open, total, vprSum, opened, resolved, reopened }) {
    return numbersRow(day, [...SEVERITIES.map((severity) => count(open[severity])), count(total), score(vprSum), count(opened), count(resolved), count(reopened)]);
}

customElements.define("trend-card", TrendCard);
