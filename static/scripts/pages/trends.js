import { ChartCard, cellsRow, linkedCount } from "../elements/chart-card.js";
import { DAY, dayOf, secondsOf, writtenDay, writtenMonth } from "../elements/chart-days.js";
import { listOf } from "../elements/links.js";
import { SEVERITIES } from "../elements/severities.js";
import "../elements/trend.js";
import { find } from "../lib/dom.js";
import { ConnectedElement } from "../lib/element.js";
import { count, days } from "../lib/format.js";

const lastDayOf = (week) => dayOf(secondsOf(week) + 6 * DAY);
const lastDayOfMonth = (month) => new Date(Date.UTC(Number(month.slice(0, 4)), Number(month.slice(5)), 0)).toISOString().slice(0, 10);

const DEFAULT_PERIOD = "365";

/** Puts the source and the period that are chosen into the URL, so that a view can be reloaded, sent and gone back to. */
class TrendsPage extends ConnectedElement {
    connectedCallback() {
        super.connectedCallback();
        this.listen(this, "change", ({ detail }) => detail !== "back" && this.#write(detail === "widened" ? "replaceState" : "pushState"));
        this.listen(window, "popstate", () => this.#read());
    }

    get #source() {
        return find(this, "[data-trend-source]");
    }

    get #period() {
        return find(this, "[data-trend-period]");
    }

    #write(method) {
        const period = this.#period.value || "all";
        const chosen = new URLSearchParams({ ...(this.#source.value && { source: this.#source.value }), ...(period !== DEFAULT_PERIOD && { period }) });
        history[method](null, "", chosen.size > 0 ? `?${chosen}` : location.pathname);
    }

    #read() {
        const chosen = new URLSearchParams(location.search);
        this.#source.value = chosen.get("source") ?? "";
        this.#period.value = (chosen.get("period") ?? DEFAULT_PERIOD).replace("all", "");
        this.#period.dispatchEvent(new CustomEvent("change", { bubbles: true, detail: "back" }));
    }
}

/** What the scans of each week opened, reopened and resolved. */
class WeeksCard extends ChartCard {
    figure(entries) {
        const valuesOf = (value) => entries.map((entry) => (entry.scans === 0 ? null : value(entry)));
        return {
            times: entries.map(({ week }) => secondsOf(week)),
            labels: { x: "Week from", y: "Findings" },
            signed: true,
            series: [
                { colour: "medium-fill", fill: "medium-fill", as: "bars", values: valuesOf(({ opened, reopened }) => opened + reopened) },
                { colour: "accent", fill: "accent", as: "bars", values: valuesOf(({ opened }) => opened) },
                { colour: "good", fill: "good", as: "bars", values: valuesOf(({ resolved }) => -resolved) },
            ],
        };
    }

    described({ week, scans, opened, reopened, resolved }) {
        const title = `Week of ${writtenDay(week)}`;
        if (scans === 0) return { title: `${title}: no scan`, values: {}, words: `${title}: no scan`, address: "" };
        const values = { opened: count(opened), reopened: count(reopened), resolved: count(resolved) };
        return {
            title,
            values,
            words: `${title}: ${values.opened} new, ${values.reopened} reopened, ${values.resolved} resolved.`,
            address: this.#list(week, {}),
        };
    }

    row({ week, scans, opened, firstScans, reopened, resolved }) {
        if (scans === 0) return cellsRow(week, [["no scan"], ["–"], ["–"], ["–"], ["–"]]);
        const linked = (number, filters) => [linkedCount(number, this.#list(week, filters))];
        return cellsRow(week, [
            [count(scans)],
            linked(opened, { change: "opened", firstScan: "false" }),
            linked(firstScans, { change: "opened", firstScan: "true" }),
            linked(reopened, { change: "reopened" }),
            linked(resolved, { change: "resolved" }),
        ]);
    }

    #list(week, filters) {
        return listOf(this.ofSource({ state: "all", changedFrom: week, changedTo: lastDayOf(week), ...filters }));
    }
}

/** A median of days for each severity, month by month. A month that the answer leaves out has none. */
class MedianCard extends ChartCard {
    entries({ data }) {
        const months = new Map(data.map((row) => [row.month, row]));
        const entries = [];
        for (let month = data[0]?.month; month && month <= data.at(-1).month; month = following(month)) entries.push(months.get(month) ?? { month });
        return entries;
    }

    figure(entries) {
        return {
            times: entries.map(({ month }) => secondsOf(month)),
            labels: { x: "Month", y: "Days" },
            byMonth: true,
            series: SEVERITIES.toReversed().map((severity) => ({ colour: severity, as: "line", values: entries.map((entry) => entry[this.median]?.[severity] ?? null) })),
        };
    }

    described(entry) {
        const title = writtenMonth(entry.month);
        const medians = entry[this.median] ?? {};
        const values = Object.fromEntries(SEVERITIES.map((severity) => [severity, days(medians[severity])]));
        const words = SEVERITIES.map((severity) => `${severity} ${values[severity]}`).join(", ");
        return { title, values, words: `${title}: ${words}`, address: "" };
    }

    row(row) {
        return cellsRow(row.month, SEVERITIES.map((severity) => this.cell(row, severity)));
    }
}

function following(month) {
    return dayOf(secondsOf(lastDayOfMonth(month)) + DAY).slice(0, 7);
}

/** How old was what was open at the end of each month. */
class AgesCard extends MedianCard {
    median = "medianAge";

    cell({ open, medianAge }, severity) {
        return [`${days(medianAge[severity])} `, small(`of ${count(open[severity])}`)];
    }
}

/** How long it took to resolve what was resolved in each month. */
class ResolvedCard extends MedianCard {
    median = "medianDays";

    cell({ month, resolved, medianDays }, severity) {
        const period = { state: "resolved", severity, resolvedFrom: `${month}-01`, resolvedTo: lastDayOfMonth(month) };
        return [`${days(medianDays[severity])} `, small("of ", linkedCount(resolved[severity], listOf(this.ofSource(period))))];
    }
}

function small(...parts) {
    const element = document.createElement("small");
    element.append(...parts);
    return element;
}

customElements.define("trends-page", TrendsPage);
customElements.define("weeks-card", WeeksCard);
customElements.define("ages-card", AgesCard);
customElements.define("resolved-card", ResolvedCard);
