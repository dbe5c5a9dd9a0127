import { DAY, axisLabels } from "./chart-days.js";
import { roughly } from "../lib/format.js";

let uPlot = null; // imported by the first chart: most pages have none

const HEIGHT = 260;
const FAR = 10; // the number of entries that Page Up and Page Down move
/** Steps between the marks of the axis of values, which are whole numbers: 1, 2, 5, 10, 20, 25, 50 and so on. */
const STEPS = Array.from({ length: 9 }, (_, power) => [1, 2, 2.5, 5].map((digit) => digit * 10 ** power)).flat().filter(Number.isInteger);

/**
 * @typedef {object} Figure
 * @property {number[]} times of the entries, in seconds since the epoch, oldest first
 * @property {{colour: string, fill?: string, as: "steps" | "bars" | "line", values: (number | null)[]}[]} series colours by the names of the theme; the
 *     last one lies on top
 * @property {{x: string, y: string}} labels of the axes
 * @property {number[]} [stops] the entries that can be chosen with the keyboard, the last of which is chosen at first; by default all
 * @property {boolean} [byMonth] whether the entries are months
 * @property {boolean} [signed] whether there are negative values, which are labelled without their sign
 */

/**
 * A chart over time, in which one entry is chosen with the pointer, by touch or with the keyboard; by default it is the last of its stops.
 *
 * Its element has the role of a slider. `Enter` or a click opens the entry; a tap only chooses it.
 */
export class Chart {
    #element;
    #listener;
    #plot = null;
    #figure = null;
    #stops = [];
    #chosen = -1;
    #byTouch = false; // not every browser reports this for a click
    #connection = null;
    #resize = new ResizeObserver(() => this.#plot?.setSize({ width: this.#element.clientWidth, height: HEIGHT }));
    #redraw = () => this.#figure && this.draw(this.#figure);
    #dark = matchMedia("(prefers-color-scheme: dark)");
    #themes = new MutationObserver(this.#redraw);

    /**
     * @param {HTMLElement} element the box that the chart fills
     * @param {{choose: (index: number) => string, open?: (index: number) => void}} listener `choose` shows an entry, and returns its description
     */
    constructor(element, listener) {
        this.#element = element;
        this.#listener = listener;
    }

    start() {
        this.#connection = new AbortController();
        const { signal } = this.#connection;
        this.#element.addEventListener("keydown", (event) => this.#onKey(event), { signal });
        this.#element.addEventListener("pointerdown", ({ pointerType }) => (this.#byTouch = pointerType === "touch"), { signal });
        this.#element.addEventListener("pointermove", (event) => event.pointerType === "touch" && this.#follow(event), { signal });
        this.#element.addEventListener("click", (event) => this.#onClick(event), { signal });
        this.#resize.observe(this.#element);
        this.#themes.observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
        this.#dark.addEventListener("change", this.#redraw);
    }

    stop() {
        this.#connection.abort();
        this.#resize.disconnect();
        this.#themes.disconnect();
        this.#dark.removeEventListener("change", this.#redraw);
        this.#figure = null;
        this.#plot?.destroy();
        this.#plot = null;
    }

    /** @param {Figure} figure with at least one entry */
    async draw(figure) {
        this.#figure = figure;
        this.#stops = figure.stops ?? [...figure.times.keys()];
        uPlot ??= (await import("../../vendor/uplot/uPlot.esm.min.js")).default;
        if (this.#figure !== figure) return; // it was replaced, or the chart was stopped
        this.#plot?.destroy();
        this.#plot = null;
        this.#element.replaceChildren();
        this.#element.setAttribute("aria-valuemax", String(this.#stops.length - 1));
        this.#plot = new uPlot(this.#options(figure), [figure.times, ...figure.series.map(({ values }) => values)], this.#element);
        this.#choose(this.#stops.at(-1));
    }

    /** The index of the last stop at or before the chosen entry. */
    get #stop() {
        return Math.max(0, this.#stops.findLastIndex((index) => index <= this.#chosen));
    }

    #choose(index) {
        this.#chosen = index;
        this.#element.setAttribute("aria-valuenow", String(this.#stop));
        this.#element.setAttribute("aria-valuetext", this.#listener.choose(index));
    }

    /** Choose the last entry before the pointer. */
    #onCursor(plot) {
        const { left } = plot.cursor;
        if (left === null || left < 0) {
            if (this.#chosen !== -1 && document.activeElement !== this.#element) this.#choose(this.#stops.at(-1));
            return;
        }
        const seconds = plot.posToVal(left + 1, "x");
        const centred = this.#figure.series.some(({ as }) => as !== "steps");
        const index = centred ? plot.valToIdx(seconds) : this.#figure.times.findLastIndex((time) => time <= seconds);
        this.#choose(Math.max(0, index));
    }

    #follow({ clientX }) {
        const { left, width } = this.#plot?.over.getBoundingClientRect() ?? {};
        if (width) this.#plot.setCursor({ left: Math.min(width - 1, Math.max(0, clientX - left)), top: 0 });
    }

    #onClick(event) {
        if (this.#byTouch) this.#follow(event);
        else if (this.#plot?.over.contains(event.target)) this.#listener.open?.(this.#chosen);
    }

    #onKey(event) {
        if (this.#plot === null) return;
        const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -FAR, PageUp: FAR, Home: -Infinity, End: Infinity };
        if (event.key === "Enter") this.#listener.open?.(this.#chosen);
        else if (event.key in steps) {
            const index = this.#stops[Math.min(this.#stops.length - 1, Math.max(0, this.#stop + steps[event.key]))];
            this.#plot.setCursor({ left: this.#plot.valToPos(this.#figure.times[index], "x"), top: 0 }, false);
            this.#choose(index);
        } else return;
        event.preventDefault();
    }

    #options({ times, series, labels, byMonth, signed }) {
        const style = getComputedStyle(this.#element);
        const colour = (name) => resolved(this.#element, `var(--${name})`);
        const font = `12px ${style.fontFamily}`;
        const axis = { stroke: colour("quiet"), font, labelFont: font, labelSize: 20, ticks: { stroke: colour("line"), size: 4 }, grid: { stroke: colour("line"), width: 1 } };
        const paths = { steps: uPlot.paths.stepped({ align: 1 }), bars: uPlot.paths.bars({ size: [0.7, 32] }), line: uPlot.paths.linear() };
        const written = (value) => roughly(signed ? Math.abs(value) : value);
        const byDay = series.some(({ as }) => as === "steps");
        const space = byMonth ? 50 : 72;
        const hasBars = series.some(({ as }) => as === "bars");
        return {
            width: this.#element.clientWidth,
            height: HEIGHT,
            padding: [12, 20, 0, 0],
            scales: {
                x: { time: true, range: times.at(-1) - times[0] <= DAY ? around : hasBars ? withRoom : null },
                y: { range: (_plot, least, most) => [signed ? Math.min(0, least * 1.08) : 0, Math.max(1, most * 1.08)] },
            },
            axes: [
                {
                    ...axis,
                    label: labels.x,
                    size: 40,
                    space,
                    splits: byDay ? undefined : (plot) => marked(times, plot.bbox.width / devicePixelRatio / space),
                    values: (_plot, marks) => axisLabels(marks, { byMonth }),
                },
                { ...axis, label: labels.y, size: 44, incrs: STEPS, values: (_plot, values) => values.map(written) },
            ],
            series: [
                {},
                ...series.map((one) => ({
                    stroke: colour(one.colour),
                    fill: one.fill && colour(one.fill),
                    width: one.as === "line" ? 2 : 1,
                    paths: paths[one.as],
                    points: { show: one.as === "line" || times.length === 1, size: 6, fill: colour(one.colour) },
                })),
            ],
            legend: { show: false },
            cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
            hooks: { setCursor: [(plot) => this.#onCursor(plot)] },
            tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
        };
    }
}

/** Show a single day in the middle of a week; uPlot would extend the axis by a thousand days, or show hours. */
function around(_plot, time) {
    return [time - 3 * DAY, time + 3 * DAY];
}

/** The weeks or months that are labelled: the last one, and as many before it as there is room for. */
function marked(times, room) {
    const every = Math.ceil(times.length / room) || 1;
    return times.filter((_time, index) => (times.length - 1 - index) % every === 0);
}

/** Make the first and the last bar as wide as the others. */
function withRoom(_plot, first, last) {
    return [first - 4 * DAY, last + 4 * DAY];
}

/** Resolve a colour of the theme: a canvas supports neither CSS variables nor `light-dark()`. */
function resolved(element, colour) {
    const probe = document.createElement("span");
    probe.style.color = colour;
    element.append(probe);
    const { color } = getComputedStyle(probe);
    probe.remove();
    return color;
}
