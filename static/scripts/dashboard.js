import { groupRow } from "./group-row.js";
import { STATES, shownState } from "./import-facts.js";
import { importPage, listOf } from "./shared/addresses.js";
import { copyOf, find, setText } from "./shared/dom.js";
import { ago, count, counted, instant } from "./shared/format.js";
import { Panel } from "./shared/panel.js";

const CHANGES = [["opened", "inserted"], ["reopened", "reopened"], ["resolved", "resolved"]];

/** What the last scans changed, each figure a way to what it counts; and all that is new for some days. */
export class LastChanges extends Panel {
    start() {
        for (const link of this.element.querySelectorAll("[data-new-for]")) link.href = listOf({ state: "all", newSince: dayBefore(link.dataset.newFor) });
        super.start();
    }

    show({ lastScans }) {
        const { importIds, bySeverity, from, to } = lastScans;
        for (const [kind] of CHANGES) {
            const tile = find(this.element, `[data-change="${kind}"]`);
            setText(find(tile, "[data-change-count]"), count(Object.values(bySeverity).reduce((sum, figures) => sum + figures[kind], 0)));
            setText(find(tile, "[data-change-worst]"), worst(bySeverity, kind));
            tile.href = listOf({ state: "all", changedBy: importIds.join(","), change: kind });
        }
        setText(find(this.element, "[data-change-days]"), from === to ? `by the scans of ${to}` : `by the last scan of each source, ${from} to ${to}`);
        return importIds.length > 0;
    }
}

/** @param {number} days @returns {string} the day so many days ago, as the reader's calendar has it */
function dayBefore(days) {
    const day = new Date();
    day.setDate(day.getDate() - days);
    return [day.getFullYear(), day.getMonth() + 1, day.getDate()].map((part) => String(part).padStart(2, "0")).join("-");
}

function worst(bySeverity, kind) {
    const told = ["critical", "high"].filter((severity) => bySeverity[severity][kind] > 0).map((severity) => `${count(bySeverity[severity][kind])} ${severity}`);
    return told.join(", ");
}

/** The hosts or definitions that weigh most. */
export class WorstList extends Panel {
    show({ data }) {
        const template = find(this.element, "template");
        find(this.element, "[data-worst-rows]").replaceChildren(...data.map((group) => groupRow(template, this.element.dataset.by, group)));
        return data.length > 0;
    }
}

/** The critical findings that have been open for longest. */
export class OldestList extends Panel {
    show({ data }) {
        const template = find(this.element, "template");
        find(this.element, "[data-oldest-rows]").replaceChildren(...data.map((finding) => oldestRow(template, finding)));
        return data.length > 0;
    }
}

function oldestRow(template, finding) {
    const row = copyOf(template);
    const host = find(row, "[data-oldest-host]");
    host.href = `/hosts/${finding.hostId}`;
    setText(host, finding.host);
    const title = find(row, "[data-oldest-title]");
    title.href = `/definitions/${finding.definitionId}`;
    setText(title, finding.title || "–");
    const days = Math.max(0, Math.floor((Date.now() - Date.parse(finding.firstSeen)) / 86_400_000));
    setText(find(row, "[data-oldest-age]"), counted(days, "day"));
    find(row, "[data-oldest-age]").title = `since ${finding.firstSeen}`;
    return row;
}

/** The last imports with their figures. */
export class LatestImports extends Panel {
    show({ data }) {
        const template = find(this.element, "template");
        find(this.element, "[data-latest-rows]").replaceChildren(...data.map((record) => latestRow(template, record)));
        return data.length > 0;
    }
}

function latestRow(template, record) {
    const row = copyOf(template);
    const name = find(row, "[data-latest-name]");
    name.href = importPage(record.importId);
    setText(name, record.filename);
    setText(find(row, "[data-latest-origin]"), [record.scannerName, record.source, record.scanDate].filter(Boolean).map((text) => `${text} · `).join(""));
    const completed = record.state === "completed" && record.undoneAt === null;
    find(row, "[data-latest-figures]").hidden = !completed;
    for (const [kind, figure] of CHANGES) {
        const link = find(row, `[data-latest="${kind}"]`);
        link.href = listOf({ state: "all", changedBy: record.importId, change: kind });
        setText(find(link, "[data-latest-count]"), count(record[figure]));
        link.dataset.zero = record[figure] === 0;
    }
    const state = find(row, "[data-latest-state]");
    state.hidden = shownState(record) === "completed";
    state.dataset.state = shownState(record);
    setText(state, STATES[shownState(record)]);
    const when = find(row, "time");
    when.dateTime = new Date(record.createdAt).toISOString();
    when.title = instant(record.createdAt);
    setText(when, ago(record.createdAt));
    return row;
}

/** The sources with their last scans; those that have gone quiet say so. */
export class SourceList extends Panel {
    show({ data }) {
        const template = find(this.element, "template");
        const sorted = data.toSorted((one, other) => Number(other.quiet) - Number(one.quiet));
        find(this.element, "[data-source-rows]").replaceChildren(...sorted.map((source) => sourceRow(template, source)));
        return data.length > 0;
    }
}

function sourceRow(template, source) {
    const row = copyOf(template);
    const name = find(row, "[data-source-name]");
    name.href = listOf({ source: source.sourceId });
    setText(name, source.source || source.scannerName);
    const every = source.usualIntervalDays === null ? "one scan so far" : `usually every ${source.usualIntervalDays === 1 ? "day" : counted(source.usualIntervalDays, "day")}`;
    setText(find(row, "[data-source-detail]"), [source.source && source.scannerName, every].filter(Boolean).join(" · "));
    setText(find(row, "[data-source-open]"), count(source.open));
    const last = find(row, "[data-source-last]");
    last.href = importPage(source.lastImportId);
    setText(last, source.lastScanDate ?? "–");
    find(row, "[data-source-quiet]").hidden = !source.quiet;
    row.dataset.quiet = source.quiet;
    return row;
}

