import { find, linkTo, setText } from "../lib/dom.js";
import { count, counted } from "../lib/format.js";
import { Chart } from "./chart.js";
import { DAY, dayOf } from "./chart-days.js";
import { DataElement } from "./data-element.js";

/**
 * A card with figures over time: a chart, a legend with the values of one entry, a table and a CSV file.
 *
 * `data-path` is the URL of the data. The nearest element with `data-trends` has the controls for the source and the period.
 *
 * @abstract
 */
export class ChartCard extends DataElement {
    #chart;
    #scope;
    #entries = [];

    connectedCallback() {
        this.#scope = this.closest("[data-trends]");
        this.#chart = new Chart(find(this, "[data-chart]"), { choose: (index) => this.#choose(index), open: (index) => this.#open(index) });
        this.#chart.start();
        super.connectedCallback();
        this.listen(this.#scope, "change", (event) => event.target.matches("[data-trend-source], [data-trend-period]") && this.load());
    }

    disconnectedCallback() {
        super.disconnectedCallback();
        this.#chart.stop();
    }

    get path() {
        return `${this.dataset.path}?${this.#limits}`;
    }

    /** @returns {string} the number of the chosen source; empty for all */
    get source() {
        return find(this.#scope, "[data-trend-source]").value;
    }

    /** @returns {HTMLSelectElement} the period, in days */
    get period() {
        return find(this.#scope, "[data-trend-period]");
    }

    get #limits() {
        const parameters = new URLSearchParams();
        if (this.source) parameters.set("source", this.source);
        if (this.period.value) parameters.set("from", dayOf(Math.floor(Date.now() / 1000) - Number(this.period.value) * DAY));
        return parameters;
    }

    /** @param {Record<string, string>} filters @returns {Record<string, string>} the same, of the chosen source */
    ofSource(filters) {
        return this.source ? { ...filters, source: this.source } : filters;
    }

    show(answer) {
        const { data } = answer;
        find(this, "[data-csv]").href = `${this.dataset.path}.csv?${this.#limits}`;
        this.showList("[data-rows]", data.toReversed().map((row) => this.row(row))); // a hidden box has no width to draw in
        this.#entries = this.entries(answer);
        if (this.#entries.length > 0) this.#chart.draw(this.figure(this.#entries));
        else this.#sayWhy();
    }

    /** Say why there is nothing to show, with a link to where there is more. */
    #sayWhy() {
        const note = find(this, "[data-nothing]");
        const [limit, link, address] = this.#limit;
        setText(find(note, "[data-nothing-text]"), `${note.dataset.nothing} ${limit}.`);
        const way = find(note, "[data-nothing-link]");
        setText(way, link);
        way.href = address;
    }

    /** @returns {[string, string, string]} what limits the figures, and a link to those without this limit: its text and its URL */
    get #limit() {
        const { source } = this;
        const inSource = source ? " for this source" : "";
        if (this.period.value) {
            const whole = new URLSearchParams({ ...(source && { source }), period: "all" });
            return [`${inSource} in the last ${counted(Number(this.period.value), "day")}`.trim(), "Show all days", `/trends?${whole}`];
        }
        return source ? [inSource.trim(), "Show all sources", "/trends?period=all"] : ["so far", "Import a scan", "/imports"];
    }

    /**
     * @param {object} answer
     * @returns {object[]} the entries of the chart, oldest first
     */
    entries({ data }) {
        return data;
    }

    /**
     * @param {object[]} _entries
     * @returns {import("./chart.js").Figure}
     * @abstract
     */
    figure(_entries) {
        throw new Error("A chart card must define its chart.");
    }

    /**
     * @param {object} _row of the answer
     * @returns {HTMLElement} the row of the table
     * @abstract
     */
    row(_row) {
        throw new Error("A chart card must define the rows of its table.");
    }

    /**
     * @param {object} _entry
     * @returns {{title: string, values: Record<string, string>, words: string, address: string}} the title of the entry, its values by the keys of
     *     the legend, a description for screen readers, and the URL to open, which may be empty
     * @abstract
     */
    described(_entry) {
        throw new Error("A chart card must define its legend.");
    }

    #choose(index) {
        const { title, values, words, address } = this.described(this.#entries[index]);
        setText(find(this, "[data-legend-title]"), title);
        for (const element of this.querySelectorAll("[data-legend-value]")) setText(element, values[element.dataset.legendValue] ?? "–");
        const link = this.querySelector("[data-legend-link]");
        if (link) {
            link.toggleAttribute("data-nowhere", address === "");
            if (address) link.href = address;
            else link.removeAttribute("href");
        }
        return words;
    }

    #open(index) {
        const { address } = this.described(this.#entries[index]);
        if (address) location.assign(address);
    }
}

/**
 * A number in a table that links to the list of what it counts; plain text if it is 0.
 *
 * @param {number} number
 * @param {string} address
 * @returns {HTMLElement | Text}
 */
export function linkedCount(number, address) {
    return number === 0 ? document.createTextNode("0") : linkTo(address, count(number));
}

/**
 * @param {string} heading
 * @param {(string | Node)[][]} cells the content of each cell
 * @returns {HTMLTableRowElement}
 */
export function cellsRow(heading, cells) {
    const row = document.createElement("tr");
    const first = document.createElement("th");
    first.scope = "row";
    setText(first, heading);
    row.append(
        first,
        ...cells.map((parts) => {
            const cell = document.createElement("td");
            cell.className = "number";
            cell.append(...parts);
            return cell;
        }),
    );
    return row;
}
