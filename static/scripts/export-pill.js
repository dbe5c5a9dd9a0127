import { copyOf, fill, find, setText } from "./shared/dom.js";

const HEADLINES = { running: "Exporting", completed: "Exported", failed: "Export failed" };

/**
 * The corner of the page that lists the exported files which the browser is fetching.
 */
export class ExportPill {
    #element;
    #exports;
    #template;
    #status;
    #items = new Map();
    #render = () => this.#draw();

    /**
     * @param {HTMLElement} element
     * @param {{exports: import("./shared/export-runs.js").ExportRuns}} page
     */
    constructor(element, { exports }) {
        this.#element = element;
        this.#exports = exports;
        this.#template = find(element, "template");
        this.#status = find(document, "[data-page-status]");
    }

    start() {
        this.#exports.addEventListener("change", this.#render);
        this.#draw();
    }

    stop() {
        this.#exports.removeEventListener("change", this.#render);
    }

    #draw() {
        const views = new Map(this.#exports.all);
        for (const [id, item] of this.#items) {
            if (views.has(id)) continue;
            item.remove();
            this.#items.delete(id);
        }
        for (const [id, view] of views) this.#drawItem(id, view);
        this.#element.hidden = views.size === 0;
    }

    #drawItem(id, view) {
        let item = this.#items.get(id);
        if (item === undefined) {
            item = copyOf(this.#template);
            this.#items.set(id, item);
            this.#element.append(item);
        }
        const headline = `${HEADLINES[view.kind]} ${view.filename}`;
        if (item.dataset.state !== view.kind) setText(this.#status, view.kind === "running" ? headline : `${headline}: ${view.text}`);
        item.dataset.state = view.kind;
        fill(item, { filename: headline, state: view.text });
        find(item, "[data-ring]").style.setProperty("--percent", view.percent);
    }
}
