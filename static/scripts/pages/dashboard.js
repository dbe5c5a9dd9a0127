import { DataElement } from "../elements/data-element.js";
import { groupRow } from "../elements/group-row.js";
import { definitionPage, hostPage, importPage, listOf } from "../elements/links.js";
import "../elements/severities.js";
import "../elements/source-list.js";
import "../elements/trend.js";
import { copyOf, find, setText, showTime } from "../lib/dom.js";
import { count, counted } from "../lib/format.js";
import { STATES, shownState } from "../progress/import-texts.js";

const CHANGES = [["opened", "inserted"], ["reopened", "reopened"], ["resolved", "resolved"]];

/** What the last scans changed, each figure a link to what it counts; and all that is new for some days. */
class LastChanges extends DataElement {
    connectedCallback() {
        super.connectedCallback();
        for (const link of this.querySelectorAll("[data-new-for]")) link.href = listOf({ state: "all", newSince: dayBefore(link.dataset.newFor) });
    }

    show({ lastScans }) {
        const { importIds, bySeverity, from, to } = lastScans;
        for (const [kind] of CHANGES) {
            const tile = find(this, `[data-change="${kind}"]`);
            setText(find(tile, "[data-change-count]"), count(Object.values(bySeverity).reduce((sum, figures) => sum + figures[kind], 0)));
            setText(find(tile, "[data-change-worst]"), worst(bySeverity, kind));
            tile.href = listOf({ state: "all", changedBy: importIds.join(","), change: kind });
        }
        setText(find(this, "[data-change-days]"), from === to ? `by the scans of ${to}` : `by the last scan of each source, ${from} to ${to}`);
        this.showView(importIds.length > 0 ? "list" : "empty");
    }
}

/** @param {number} days @returns {string} the day so many days ago, as the reader's calendar has it */
function dayBefore(days) {
    const day = new Date();
    day.setDate(day.getDate() - days);
    return [day.getFullYear(), day.getMonth() + 1, day.getDate()].map((part) => String(part).padStart(2, "0")).join("-");
}

function worst(bySeverity, kind) {
    const worse = ["critical", "high"].filter((severity) => bySeverity[severity][kind] > 0);
    return worse.map((severity) => `${count(bySeverity[severity][kind])} ${severity}`).join(", ");
}

/** The hosts or definitions that weigh most. */
class WorstList extends DataElement {
    show({ data }) {
        const template = find(this, "template");
        this.showList("[data-worst-rows]", data.map((group) => groupRow(template, this.dataset.by, group)));
    }
}

/** The critical findings that have been open for longest. */
class OldestList extends DataElement {
    show({ data }) {
        const template = find(this, "template");
        this.showList("[data-oldest-rows]", data.map((finding) => oldestRow(template, finding)));
    }
}

function oldestRow(template, finding) {
    const row = copyOf(template);
    const host = find(row, "[data-oldest-host]");
    host.href = hostPage(finding.hostId);
    setText(host, finding.host);
    const title = find(row, "[data-oldest-title]");
    title.href = definitionPage(finding.definitionId);
    setText(title, finding.title || "–");
    const days = Math.max(0, Math.floor((Date.now() - Date.parse(finding.firstSeen)) / 86_400_000));
    setText(find(row, "[data-oldest-age]"), counted(days, "day"));
    find(row, "[data-oldest-age]").title = `since ${finding.firstSeen}`;
    return row;
}

/** The last imports with their figures. */
class LatestImports extends DataElement {
    show({ data }) {
        const template = find(this, "template");
        this.showList("[data-latest-rows]", data.map((importData) => latestRow(template, importData)));
    }
}

function latestRow(template, importData) {
    const row = copyOf(template);
    const name = find(row, "[data-latest-name]");
    name.href = importPage(importData.importId);
    setText(name, importData.filename);
    setText(find(row, "[data-latest-origin]"), [importData.scannerName, importData.source, importData.scanDate].filter(Boolean).map((text) => `${text} · `).join(""));
    const completed = importData.state === "completed" && importData.undoneAt === null;
    find(row, "[data-latest-figures]").hidden = !completed;
    for (const [kind, figure] of CHANGES) {
        const link = find(row, `[data-latest="${kind}"]`);
        link.href = listOf({ state: "all", changedBy: importData.importId, change: kind });
        setText(find(link, "[data-latest-count]"), count(importData[figure]));
        link.dataset.zero = importData[figure] === 0;
    }
    const state = find(row, "[data-latest-state]");
    state.hidden = shownState(importData) === "completed";
    state.dataset.state = shownState(importData);
    setText(state, STATES[shownState(importData)]);
    showTime(find(row, "time"), importData.createdAt);
    return row;
}

customElements.define("last-changes", LastChanges);
customElements.define("worst-list", WorstList);
customElements.define("oldest-list", OldestList);
customElements.define("latest-imports", LatestImports);
