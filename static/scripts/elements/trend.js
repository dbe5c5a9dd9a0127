import { setText, find, numbersRow } from "../lib/dom.js";
import { count, counted } from "../lib/format.js";
import { ChartCard } from "./chart-card.js";
import { withGaps, writtenDay } from "./chart-days.js";
import { listOf } from "./links.js";
import { SEVERITIES } from "./severities.js";
import "./source-select.js";

/**
 * Open findings over time, stacked by severity. The result of a scan is drawn until the next scan, for a limited number of days; after them
 * the number of open findings is unknown.
 */
class TrendCard extends ChartCard {
    show(answer) {
        if (answer.data.length === 0 && this.period.value && !this.period.dataset.widened) {
            this.period.dataset.widened = "true";
            this.period.value = ""; // older scans are better than none
            queueMicrotask(() => this.period.dispatchEvent(new CustomEvent("change", { bubbles: true, detail: "widened" })));
        }
        setText(find(this, "[data-stands-for]"), counted(answer.standsForDays, "day"));
        super.show(answer);
    }

    entries({ data, standsForDays }) {
        const today = new Date().toISOString().slice(0, 10);
        return withGaps(data, standsForDays, today);
    }

    figure(entries) {
        const upTo = (point, index) => SEVERITIES.slice(index).reduce((sum, severity) => sum + point.open[severity], 0);
        return {
            times: entries.map(({ seconds }) => seconds),
            stops: entries.flatMap(({ point }, index) => (point !== null && point !== entries[index - 1]?.point ? [index] : [])),
            labels: { x: "Day of the scan", y: "Open findings" },
            series: SEVERITIES.map((severity, index) => ({
                colour: severity,
                fill: `${severity}-fill`,
                as: "steps",
                values: entries.map(({ point }) => point && upTo(point, index)), // the sums of each severity and all below it
            })),
        };
    }

    described({ point }) {
        if (point === null) return { title: "No scan", values: {}, words: "No scan on these days", address: "" };
        const { day, open, total, opened, resolved, reopened } = point;
        const title = `Scan of ${writtenDay(day)}`;
        const values = { total: count(total), ...Object.fromEntries(SEVERITIES.map((severity) => [severity, count(open[severity])])) };
        const bySeverity = SEVERITIES.map((severity) => `${count(open[severity])} ${severity}`).join(", ");
        return {
            title,
            values,
            words: `${title}: ${count(total)} open, of these ${bySeverity}. ${count(opened)} new, ${count(resolved)} resolved, ${count(reopened)} reopened.`,
            address: listOf(this.ofSource({ state: "all", changedFrom: day, changedTo: day })),
        };
    }

    row({ day, open, total, opened, resolved, reopened }) {
        return numbersRow(day, [...SEVERITIES.map((severity) => count(open[severity])), count(total), count(opened), count(resolved), count(reopened)]);
    }
}

customElements.define("trend-card", TrendCard);
