import { copyOf, fill, find, setText } from "./dom.js";
import { counted } from "./format.js";

const STATES = {
    uploading: (view) => `Uploading ${view.percent}%`,
    waiting: () => "Waiting to start",
    running: (view) => `${view.percent}%`,
    awaiting: () => "Needs your confirmation",
    completed: (view) => (view.hasRejects ? `Complete, ${counted(view.figures.rejected, "row")} rejected` : "Complete"),
    failed: () => "Failed",
    cancelled: () => "Cancelled",
};

/**
 * The corner of the page that lists the imports which are not in the modal. Each opens there at a click.
 */
export class ProgressPill {
    #element;
    #runs;
    #template;
    #status;
    #items = new Map();
    #render = () => this.#draw();
    #onClick = (event) => {
        const item = event.target.closest("[data-session-id]");
        if (item) this.#runs.show(item.dataset.sessionId);
    };

    /**
     * @param {HTMLElement} element
     * @param {{runs: import("./import-runs.js").ImportRuns}} page
     */
    constructor(element, { runs }) {
        this.#element = element;
        this.#runs = runs;
        this.#template = find(element, "template");
        this.#status = find(document, "[data-page-status]");
    }

    start() {
        this.#runs.addEventListener("change", this.#render);
        this.#element.addEventListener("click", this.#onClick);
        this.#draw();
    }

    stop() {
        this.#runs.removeEventListener("change", this.#render);
        this.#element.removeEventListener("click", this.#onClick);
    }

    #draw() {
        const background = this.#runs.all.filter((run) => run !== this.#runs.shown);
        const ids = new Set(background.map((run) => run.sessionId));
        for (const [id, item] of this.#items) {
            if (ids.has(id)) continue;
            item.remove();
            this.#items.delete(id);
        }
        for (const { view } of background) this.#drawItem(view);
        this.#element.hidden = background.length === 0;
    }

    #drawItem(view) {
        let item = this.#items.get(view.sessionId);
        if (item === undefined) {
            item = copyOf(this.#template);
            item.dataset.sessionId = view.sessionId;
            this.#items.set(view.sessionId, item);
            this.#element.append(item);
        }
        const state = view.hasRejects ? "completed-with-rejects" : view.kind;
        if (item.dataset.state !== state) setText(this.#status, `${view.filename}: ${STATES[view.kind](view)}`);
        item.dataset.state = state;
        fill(item, { filename: view.filename, state: STATES[view.kind](view) });
        find(item, "[data-ring]").style.setProperty("--percent", view.percent);
    }
}
