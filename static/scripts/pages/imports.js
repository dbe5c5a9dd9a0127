import "../elements/confirm-dialog.js";
import { DataElement } from "../elements/data-element.js";
import { changedFindings, countsChanges, importPage } from "../elements/links.js";
import "../elements/list-pager.js";
import "../elements/source-list.js";
import { copyOf, debounced, fill, find, linkTo, setText, showTime } from "../lib/dom.js";
import { debug } from "../lib/debug.js";
import { ConnectedElement } from "../lib/element.js";
import { count, duration } from "../lib/format.js";
import { request } from "../lib/http.js";
import { STATES, deletion, hasEnded, isDeletable, origin, shownState } from "../progress/import-texts.js";
import { imports } from "../progress/imports.js";

/**
 * The drop zone. Files that are chosen there are shown in the sheet, like files that are dropped anywhere on a page.
 */
class ImportForm extends ConnectedElement {
    connectedCallback() {
        super.connectedCallback();
        const input = find(this, "input[type=file]");
        this.listen(input, "change", () => {
            find(document, "import-sheet").choose([...input.files]);
            input.value = ""; // so that choosing the same file again is a change
        });
    }
}

const LIMIT = 20;
const REFRESH_MS = 3_000;
const FILTER_AFTER_MS = 200;

/**
 * The list of past imports that match the filter. While one of them runs, whoever started it, the list is fetched again every few seconds.
 */
class ImportsList extends DataElement {
    #page = 1;
    #imports = new Map();
    #timer = null;

    connectedCallback() {
        super.connectedCallback();
        this.listen(find(this, "[data-imports-list]"), "click", (event) => {
            const button = event.target.closest("button");
            const importData = this.#imports.get(button?.closest("[data-import-id]").dataset.importId);
            if (button?.matches("[data-open-progress]")) imports.open(importData);
            if (button?.matches("[data-delete-import]")) this.#delete(importData);
        });
        this.listen(this.#filter, "submit", (event) => event.preventDefault());
        this.listen(this.#filter, "input", debounced(() => this.#filtered(), FILTER_AFTER_MS));
        this.listen(find(this, "[data-imports-all]"), "click", () => {
            this.#filter.reset();
            this.#filtered();
            find(this.#filter, "input").focus();
        });
        this.#nameSources();
        this.listen(find(this, "list-pager"), "page", ({ detail }) => {
            this.#page = detail.page;
            this.load();
        });
    }

    disconnectedCallback() {
        super.disconnectedCallback();
        clearTimeout(this.#timer);
    }

    get path() {
        return `/api/imports?${new URLSearchParams([["page", this.#page], ["limit", LIMIT], ...this.#filters])}`;
    }

    get #filter() {
        return find(this, "[data-imports-filter]");
    }

    /** Those fields of the filter that are filled in. */
    get #filters() {
        return [...new FormData(this.#filter)].filter(([, value]) => value !== "");
    }

    #filtered() {
        this.#page = 1;
        this.load();
    }

    async #nameSources() {
        try {
            const { data } = await request("/api/sources", { signal: this.signal });
            find(this, "[data-imports-sources]").append(...data.map(({ sourceId, source, scannerName }) => new Option(source ? `${scannerName} · ${source}` : scannerName, sourceId)));
        } catch (error) {
            debug("the sources could not be fetched:", error.message); // the list works without them
        }
    }

    async #delete(importData) {
        if (!(await find(document, "confirm-dialog").ask(deletion(importData)))) return;
        try {
            await request(`/api/imports/${importData.importId}`, { method: "DELETE" });
            setText(find(document, "[data-page-status]"), `The import of ${importData.filename} was deleted.`);
        } catch (error) {
            setText(find(document, "[data-page-status]"), error.message);
        }
        await this.load();
        find(this.#filter, "input").focus();
    }

    load() {
        clearTimeout(this.#timer);
        return super.load();
    }

    show({ data, pagination }) {
        this.#imports = new Map(data.map((importData) => [String(importData.importId), importData]));
        const focused = document.activeElement.closest("[data-import-id]")?.dataset.importId;
        const template = find(this, "template");
        this.showList("[data-imports-list]", data.map((importData) => importRow(template, importData)));
        if (focused) this.querySelector(`[data-import-id="${focused}"] :is(button, a):not([hidden])`)?.focus(); // the rows are new
        find(this, "list-pager").show(pagination);
        this.showView(pagination.total > 0 ? "list" : this.#filters.length > 0 ? "unmatched" : "empty");
        if (!data.every(hasEnded)) this.#timer = setTimeout(() => this.load(), REFRESH_MS);
    }

    showError(error) {
        super.showError(error);
        if (this.#imports.size > 0) this.showView("list"); // what was there before is better than nothing
    }
}

/**
 * The row of one import.
 *
 * @param {HTMLTemplateElement} template
 * @param {object} importData as the API answers it
 * @returns {HTMLElement}
 */
function importRow(template, importData) {
    const row = copyOf(template);
    row.dataset.importId = importData.importId;
    const state = shownState(importData);
    row.dataset.state = state;
    find(row, '[data-field="filename"]').href = importPage(importData.importId);
    fill(row, {
        filename: importData.filename,
        scanner: [origin(importData), importData.startedBy && `by ${importData.startedBy}`].filter(Boolean).join(" · "),
        scanDate: importData.scanDate ?? "–",
        state: STATES[state] ?? state,
        error: importData.error?.detail ?? "",
        duration: duration(importData.duration),
        delete: `Delete the import of ${importData.filename}`,
    });
    find(row, "[data-delete-import]").hidden = !isDeletable(importData);
    fillFigures(row, importData);
    showTime(find(row, '[data-field="when"]'), importData.createdAt);
    const progress = find(row, "[data-open-progress]");
    progress.hidden = hasEnded(importData);
    setText(progress, importData.state === "awaiting-confirmation" ? "Review" : "Show progress");
    return row;
}

/** Only what has been promoted has figures, which lead to the findings that they count; the rows are known earlier. */
function fillFigures(row, importData) {
    const completed = importData.state === "completed";
    const isInEffect = completed && importData.undoneAt === null && !importData.summary.late;
    for (const name of ["inserted", "updated", "reopened", "resolved", "unchanged"]) {
        const cell = find(row, `[data-field="${name}"]`);
        const figure = completed ? count(importData[name]) : "–";
        if (isInEffect && importData[name] > 0 && countsChanges(name)) cell.append(linkTo(changedFindings(importData.importId, name), figure));
        else setText(cell, figure);
        cell.dataset.zero = !completed || importData[name] === 0;
    }
    fill(row, { rowsRead: count(importData.rowsRead), rejected: count(importData.rejected), rejectedLink: count(importData.rejected) });
    const rejects = find(row, "[data-rejects]");
    rejects.hidden = !(importData.rejected > 0);
    rejects.href = `/api/imports/${importData.importId}/rejects.csv`;
    const rejected = find(row, '[data-field="rejected"]');
    rejected.hidden = !rejects.hidden;
    rejected.dataset.zero = true;
}

customElements.define("import-form", ImportForm);
customElements.define("imports-list", ImportsList);
