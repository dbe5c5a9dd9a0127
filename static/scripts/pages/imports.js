import { DataElement } from "../elements/data-element.js";
import { importPage } from "../elements/links.js";
import "../elements/list-pager.js";
import "../elements/source-list.js";
import { copyOf, fill, find, setText, showTime } from "../lib/dom.js";
import { ConnectedElement } from "../lib/element.js";
import { bytes, count, duration } from "../lib/format.js";
import { STATES, hasEnded, origin, shownState } from "../progress/import-texts.js";
import { imports } from "../progress/imports.js";

/**
 * The drop zone and its options. A file that is chosen, or dropped anywhere on the page, is imported at once.
 *
 * `data-max-bytes` is the largest upload that the server accepts.
 */
class ImportForm extends ConnectedElement {
    #depth = 0; // of dragenter without dragleave: both fire for every element that the pointer crosses

    connectedCallback() {
        super.connectedCallback();
        const input = find(this, "input[type=file]");
        this.listen(input, "change", () => {
            this.#import([...input.files]);
            input.value = ""; // so that choosing the same file again is a change
        });
        this.listen(this, "submit", (event) => event.preventDefault());
        this.listen(document, "dragenter", (event) => this.#hover(event, 1));
        this.listen(document, "dragleave", (event) => this.#hover(event, -1));
        this.listen(document, "dragover", (event) => carriesFiles(event) && event.preventDefault());
        this.listen(document, "drop", (event) => this.#drop(event));
    }

    #hover(event, change) {
        if (!carriesFiles(event)) return;
        event.preventDefault();
        this.#depth = Math.max(0, this.#depth + change);
        this.toggleAttribute("data-dragging", this.#depth > 0);
    }

    #drop(event) {
        if (!carriesFiles(event)) return;
        event.preventDefault();
        this.#depth = 0;
        this.removeAttribute("data-dragging");
        this.#import([...event.dataTransfer.files]);
    }

    #import(files) {
        setText(find(this, "[data-import-error]"), files.map((file) => this.#refusal(file)).filter(Boolean).join(" "));
        imports.upload(files.filter((file) => !this.#refusal(file)), () => this.#options());
    }

    /** Why a file need not even be sent; empty when it may be. */
    #refusal({ name, size }) {
        if (size === 0) return `${name} is empty.`;
        const maxBytes = Number(this.dataset.maxBytes);
        if (maxBytes > 0 && size > maxBytes) {
            return `${name} is too large: it has ${bytes(size)}, and this server takes ${bytes(maxBytes)} at the most.`;
        }
        return "";
    }

    #options() {
        const form = new FormData(find(this, "form"));
        for (const [name, value] of [...form]) {
            if (value === "") form.delete(name);
        }
        return form;
    }
}

function carriesFiles(event) {
    return event.dataTransfer?.types.includes("Files") ?? false;
}

const LIMIT = 20;
const REFRESH_MS = 3_000;

/**
 * The list of past imports. While one of them runs, whoever started it, the list is fetched again every few seconds.
 */
class ImportsList extends DataElement {
    #page = 1;
    #imports = new Map();
    #timer = null;

    connectedCallback() {
        super.connectedCallback();
        this.listen(find(this, "[data-imports-list]"), "click", (event) => {
            const button = event.target.closest("[data-open-progress]");
            if (button) imports.open(this.#imports.get(button.closest("[data-import-id]").dataset.importId));
        });
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
        return `/api/imports?page=${this.#page}&limit=${LIMIT}`;
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
        this.showView(pagination.total > 0 ? "list" : "empty");
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
    });
    fillFigures(row, importData);
    showTime(find(row, '[data-field="when"]'), importData.createdAt);
    const progress = find(row, "[data-open-progress]");
    progress.hidden = hasEnded(importData);
    setText(progress, importData.state === "awaiting-confirmation" ? "Review" : "Show progress");
    return row;
}

/** Only what has been promoted has figures; the rows are known earlier. */
function fillFigures(row, importData) {
    const completed = importData.state === "completed";
    for (const name of ["inserted", "updated", "reopened", "resolved", "unchanged"]) {
        const cell = find(row, `[data-field="${name}"]`);
        setText(cell, completed ? count(importData[name]) : "–");
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
