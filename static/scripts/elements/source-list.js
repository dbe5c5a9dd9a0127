import { copyOf, find, setText } from "../lib/dom.js";
import { count, counted } from "../lib/format.js";
import { DataElement } from "./data-element.js";
import { importPage, listOf } from "./links.js";

/** Scans that it takes to see how often a source is scanned. */
const RHYTHM_OF = 3;

/** The sources with their last scans. Those that have gone quiet come first, and those that are retired last; both say so. */
class SourceList extends DataElement {
    show({ data }) {
        const template = find(this, "template");
        const sorted = data.toSorted((one, other) => place(one) - place(other));
        this.showList("[data-source-rows]", sorted.map((source) => sourceRow(template, source)));
    }
}

const place = ({ quiet, retiredOn }) => (retiredOn ? 2 : quiet ? 0 : 1);

function sourceRow(template, source) {
    const row = copyOf(template);
    const name = find(row, "[data-source-name]");
    name.href = listOf(source.retiredOn ? { source: source.sourceId, state: "retired" } : { source: source.sourceId });
    setText(name, source.source || source.scannerName);
    const every = source.scanDays < RHYTHM_OF ? `${counted(source.scanDays, "scan")} so far` : `usually every ${source.usualIntervalDays === 1 ? "day" : counted(source.usualIntervalDays, "day")}`;
    setText(find(row, "[data-source-detail]"), [source.source && source.scannerName, every].filter(Boolean).join(" · "));
    setText(find(row, "[data-source-open]"), count(source.open));
    const last = find(row, "[data-source-last]");
    last.href = importPage(source.lastImportId);
    setText(last, source.lastScanDate ?? "–");
    find(row, "[data-source-quiet]").hidden = !source.quiet;
    row.dataset.quiet = source.quiet;
    const retired = find(row, "[data-source-retired]");
    retired.hidden = source.retiredOn === null;
    retired.title = `since ${source.retiredOn}`;
    return row;
}

customElements.define("source-list", SourceList);
