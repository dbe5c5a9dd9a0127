import { reading, rest } from "./import-facts.js";
import { listOf } from "./shared/addresses.js";
import { copyOf, find, setText } from "./shared/dom.js";
import { count } from "./shared/format.js";

/** A figure of an import's summary -> the events that it counts. */
const CHANGES = { inserted: "opened", updated: "changed", reopened: "reopened", resolved: "resolved" };

/**
 * The parts of an import's page that say how its file was read and what it changed.
 */

/**
 * @param {HTMLElement} page
 * @param {object} recognition of the import; empty before its file has been read
 */
export function showReading(page, recognition) {
    find(page, "[data-import-reading]").hidden = !recognition.format;
    if (!recognition.format) return;
    for (const [name, text] of Object.entries(reading(recognition))) {
        const line = find(page, `[data-reading="${name}"]`);
        line.hidden = text === "";
        setText(find(line, "dd"), text);
    }
}

/**
 * What it changed, or would change if it were confirmed.
 *
 * @param {HTMLElement} page
 * @param {object} record the import as the server tells it
 */
export function showOutcome(page, record) {
    const summary = record.forecast?.summary ?? (record.state === "completed" ? record.summary : null);
    find(page, "[data-import-outcome]").hidden = summary === null;
    if (summary === null) return;
    const title = record.forecast ? "What it would change" : summary.late ? "What was open then" : "What it changed";
    setText(find(page, "[data-import-outcome-title]"), title);
    const links = record.forecast || summary.late || record.undoneAt ? null : record.importId;
    showSeverities(page, Object.entries(summary.bySeverity), links);
    find(page, "[data-import-differences]").hidden = !summary.hosts;
    if (summary.hosts) showDifferences(page, summary);
}

function showSeverities(page, bySeverity, importId) {
    const template = find(page, "[data-severity-row]");
    find(page, "[data-import-severities]").replaceChildren(...bySeverity.map((entry) => severityRow(template, entry, importId)));
    for (const cell of page.querySelectorAll("[data-total-of]")) {
        const name = cell.dataset.totalOf;
        showFigure(cell, name, bySeverity.reduce((sum, [, figures]) => sum + figures[name], 0), importId);
    }
}

function severityRow(template, [severity, figures], importId) {
    const row = copyOf(template);
    row.dataset.severity = severity;
    setText(find(row, "[data-severity-name]"), severity);
    for (const cell of row.querySelectorAll("[data-of]")) {
        showFigure(cell, cell.dataset.of, figures[cell.dataset.of], importId, severity);
    }
    return row;
}

/** A figure of what changed is a way to the findings that it counts. */
function showFigure(cell, name, figure, importId, severity) {
    cell.dataset.zero = figure === 0;
    if (importId === null || figure === 0 || !(name in CHANGES)) {
        setText(cell, count(figure));
        return;
    }
    const link = document.createElement("a");
    link.href = listOf({ state: "all", changedBy: importId, change: CHANGES[name], ...(severity && { severity }) });
    setText(link, count(figure));
    cell.replaceChildren(link);
}

function showDifferences(page, summary) {
    for (const section of page.querySelectorAll("[data-difference]")) {
        const [subject, change] = section.dataset.difference.split(".");
        const told = summary[subject][change];
        setText(find(section, "[data-difference-count]"), count(told.count));
        find(section, "[data-difference-names]").replaceChildren(...told.names.map(foundItem));
        setText(find(section, "[data-difference-rest]"), rest(told));
    }
}

/** A host or CVE that leads to its findings. */
function foundItem(name) {
    const element = document.createElement("li");
    const link = document.createElement("a");
    link.href = listOf({ search: name, state: "all" });
    setText(link, name);
    element.append(link);
    return element;
}
