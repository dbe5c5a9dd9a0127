import { copyOf, fill, find, setText } from "../lib/dom.js";
import { ConnectedElement } from "../lib/element.js";
import { counted } from "../lib/format.js";
import { percentOf, summary, toneOfAll } from "./batch-texts.js";
import { exports } from "./exports.js";
import { progressText, toneOf } from "./import-texts.js";
import { imports } from "./imports.js";

/**
 * A list of background tasks in the corner of the page; hidden while it is empty.
 */
class Pills extends ConnectedElement {
    #items = new Map();

    /**
     * Show these entries instead of the current ones.
     *
     * @param {{id: string, state: string, name: string, text: string, percent: number, announcement: string}[]} pills `announcement` is
     *   read out when a pill is new or its state is another one
     */
    show(pills) {
        const ids = new Set(pills.map(({ id }) => id));
        for (const [id, item] of this.#items) {
            if (ids.has(id)) continue;
            item.remove();
            this.#items.delete(id);
        }
        for (const pill of pills) this.#showItem(pill);
        this.hidden = pills.length === 0;
    }

    #showItem({ id, state, name, text, percent, announcement }) {
        let item = this.#items.get(id);
        if (item === undefined) {
            item = copyOf(find(this, "template"));
            item.dataset.sessionId = id;
            this.#items.set(id, item);
            this.append(item);
        }
        if (item.dataset.state !== state) setText(find(document, "[data-page-status]"), announcement);
        item.dataset.state = state;
        fill(item, { filename: name, state: text });
        find(item, '[data-field="filename"]').title = name; // it may be cut off
        find(item, "[data-ring]").style.setProperty("--percent", percent);
    }
}

const BATCH = "batch";
/** The maximum number of pills before they are combined; on a narrow screen two would cover what is read. */
const MOST = 2;
const MOST_NARROW = 1;

/**
 * The imports that are not in the modal; a batch counts as one. A click opens one in the modal. If there are many, a single pill shows
 * their total, or what one of them needs, and opens the list.
 */
class ImportPills extends Pills {
    #open = false;
    #narrow = matchMedia("(max-width: 480px)");

    connectedCallback() {
        super.connectedCallback();
        this.listen(imports, "change", () => this.#draw());
        this.listen(this.#narrow, "change", () => this.#draw());
        this.listen(this.#all, "click", () => {
            this.#open = !this.#open;
            this.#draw();
        });
        this.listen(this, "click", (event) => {
            const id = event.target.closest("[data-session-id]")?.dataset.sessionId;
            if (id === BATCH) imports.showBatch();
            else if (id !== undefined) imports.show(id);
        });
        this.#draw();
    }

    #draw() {
        const batch = imports.batch;
        const alone = imports.all.filter((run) => run !== imports.shown && !batch.includes(run));
        const pills = alone.map(({ view }) => importPill(view));
        if (batch.length > 0 && !imports.batchShown) pills.unshift(batchPill(batch));
        this.show(pills);
        const many = pills.length > (this.#narrow.matches ? MOST_NARROW : MOST);
        this.#all.hidden = !many;
        this.hidden ||= many && !this.#open;
        this.#all.setAttribute("aria-expanded", String(this.#open));
        const { name, state, text } = batchPill([...alone, ...batch]);
        this.#all.dataset.state = state;
        fill(this.#all, { all: `${name} in the background`, state: text });
    }

    /** The button that shows and hides the list when there are many. */
    get #all() {
        return find(document, "[data-pills-all]");
    }
}

function importPill(view) {
    const text = progressText(view);
    return { id: view.sessionId, state: toneOf(view), name: view.filename, text, percent: view.percent, announcement: `${view.filename}: ${text}` };
}

function batchPill(runs) {
    const views = runs.map(({ view }) => view);
    const state = toneOfAll(views);
    const name = counted(runs.length, "import");
    const text = state === "running" ? `${percentOf(runs)}%` : state === "awaiting" ? "Needs your confirmation" : summary(views).replace(/^.*?: /, "");
    return { id: BATCH, state, name, text, percent: percentOf(runs), announcement: `${name}: ${text}` };
}

const EXPORT_TEXTS = { running: "Exporting", completed: "Exported", failed: "Export failed" };

/**
 * The exports that the browser is downloading.
 */
class ExportPills extends Pills {
    connectedCallback() {
        super.connectedCallback();
        this.listen(exports, "change", () => this.#draw());
        this.#draw();
    }

    #draw() {
        this.show(exports.all.map(([id, view]) => exportPill(id, view)));
    }
}

function exportPill(id, { kind, filename, text, percent }) {
    const name = `${EXPORT_TEXTS[kind]} ${filename}`;
    return { id, state: kind, name, text, percent, announcement: kind === "running" ? name : `${name}: ${text}` };
}

customElements.define("import-pills", ImportPills);
customElements.define("export-pills", ExportPills);
