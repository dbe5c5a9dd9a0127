import { copyOf, fill, find, setText } from "../lib/dom.js";
import { ConnectedElement } from "../lib/element.js";
import { counted } from "../lib/format.js";
import { exports } from "./exports.js";
import { imports } from "./imports.js";

/**
 * A list in the corner of the page of what goes on in the background. Empty, it is hidden.
 */
class Pills extends ConnectedElement {
    #items = new Map();

    /**
     * Show these, and no others.
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
        find(item, "[data-ring]").style.setProperty("--percent", percent);
    }
}

const IMPORT_TEXTS = {
    uploading: (view) => `Uploading ${view.percent}%`,
    waiting: () => "Waiting to start",
    running: (view) => `${view.percent}%`,
    awaiting: () => "Needs your confirmation",
    completed: (view) => (view.hasRejects ? `Complete, ${counted(view.figures.rejected, "row")} rejected` : "Complete"),
    failed: () => "Failed",
    cancelled: () => "Cancelled",
};

/**
 * The imports that are not in the modal. Each opens there at a click.
 */
class ImportPills extends Pills {
    connectedCallback() {
        super.connectedCallback();
        this.listen(imports, "change", () => this.#draw());
        this.listen(this, "click", (event) => {
            const item = event.target.closest("[data-session-id]");
            if (item) imports.show(item.dataset.sessionId);
        });
        this.#draw();
    }

    #draw() {
        this.show(imports.all.filter((run) => run !== imports.shown).map(({ view }) => importPill(view)));
    }
}

function importPill(view) {
    const text = IMPORT_TEXTS[view.kind](view);
    const state = view.hasRejects ? "completed-with-rejects" : view.kind;
    return { id: view.sessionId, state, name: view.filename, text, percent: view.percent, announcement: `${view.filename}: ${text}` };
}

const EXPORT_TEXTS = { running: "Exporting", completed: "Exported", failed: "Export failed" };

/**
 * The exported files that the browser is downloading.
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
