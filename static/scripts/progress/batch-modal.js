import { copyOf, fill, find, setText } from "../lib/dom.js";
import { ConnectedElement } from "../lib/element.js";
import { counted } from "../lib/format.js";
import { changes, percentOf, summary, toneOfAll } from "./batch-texts.js";
import { progressText, toneOf } from "./import-texts.js";
import { imports } from "./imports.js";

/**
 * The list of files that were imported together, with one total. Each can be opened in the modal, which lies above it.
 */
class BatchModal extends ConnectedElement {
    #dialog;
    #items = new Map();
    #hadEnded = false;

    connectedCallback() {
        super.connectedCallback();
        this.#dialog = find(this, "dialog");
        this.listen(imports, "change", () => this.#draw());
        this.listen(this.#dialog, "cancel", (event) => {
            event.preventDefault(); // #draw closes it
            imports.hideBatch();
        });
        this.listen(this.#dialog, "close", () => {
            if (!this.#dialog.open && imports.batchShown) imports.hideBatch(); // a browser may close a dialog by itself, and reports it only afterwards
        });
        for (const name of ["close", "minimise"]) this.listen(this.#part(name), "click", () => imports.hideBatch());
        this.listen(this.#part("files"), "click", (event) => this.#clicked(event.target.closest("button")));
        this.#draw();
    }

    disconnectedCallback() {
        super.disconnectedCallback();
        this.#dialog.close();
    }

    #part(name) {
        return find(this, `[data-batch-${name}]`);
    }

    #clicked(button) {
        const sessionId = button?.closest("[data-session-id]").dataset.sessionId;
        if (sessionId === undefined) return;
        if (button.matches("[data-batch-show]")) imports.show(sessionId);
        else if (button.matches("[data-batch-retry]")) imports.retry(sessionId);
        else imports.dismiss(sessionId);
        if (!button.isConnected || button.hidden) this.#part("title").focus();
    }

    #draw() {
        if (!imports.batchShown) {
            this.#hadEnded = false;
            this.#dialog.close();
            return;
        }
        const runs = imports.batch;
        const views = runs.map(({ view }) => view);
        const ended = runs.every((run) => run.ended);
        const percent = percentOf(runs);
        this.#dialog.dataset.state = toneOfAll(views);
        this.#dialog.toggleAttribute("data-ended", ended);
        setText(this.#part("title"), ended ? `Import of ${counted(runs.length, "file")} done` : `Importing ${counted(runs.length, "file")}`);
        setText(this.#part("summary"), summary(views));
        setText(this.#part("percent"), `${percent}%`);
        const bar = this.#part("bar");
        bar.setAttribute("aria-valuenow", percent);
        bar.firstElementChild.style.width = `${percent}%`;
        this.#drawItems(runs);
        setText(this.#part("close"), ended ? "Close" : "Continue in background");
        this.#part("minimise").setAttribute("aria-label", this.#part("close").textContent);
        if (!this.#dialog.open) {
            this.#dialog.showModal();
            this.#part("title").focus();
        }
        if (ended && !this.#hadEnded) this.#end(summary(views));
        this.#hadEnded = ended;
    }

    /** Move the focus to the next action, unless the user has moved it. */
    #end(text) {
        setText(this.#part("live"), text);
        if (document.activeElement === this.#part("title")) this.#part("close").focus();
    }

    #drawItems(runs) {
        const ids = new Set(runs.map(({ sessionId }) => sessionId));
        for (const [id, item] of this.#items) {
            if (ids.has(id)) continue;
            item.remove();
            this.#items.delete(id);
        }
        const list = this.#part("files");
        for (const [index, run] of runs.entries()) {
            const item = this.#itemOf(run);
            if (list.children[index] !== item) list.insertBefore(item, list.children[index] ?? null);
            this.#drawItem(item, run);
        }
    }

    #itemOf({ sessionId }) {
        if (!this.#items.has(sessionId)) {
            const item = copyOf(find(this, "template"));
            item.dataset.sessionId = sessionId;
            this.#items.set(sessionId, item);
        }
        return this.#items.get(sessionId);
    }

    #drawItem(item, { view, ended, canRetry, busy, notice }) {
        const state = toneOf(view);
        if (item.dataset.state !== undefined && item.dataset.state !== state) setText(this.#part("live"), `${view.filename}: ${progressText(view)}`);
        item.dataset.state = state;
        const why = view.kind === "failed" ? view.error.detail : "";
        const detail = view.kind === "completed" ? changes([view]) : why;
        fill(item, { filename: view.filename, state: progressText(view), detail: notice || detail });
        find(item, "[data-ring]").style.setProperty("--percent", ended ? 100 : view.percent);
        setText(find(item, '[data-field="show"]'), view.kind === "awaiting" ? "Review" : "Show");
        for (const name of item.querySelectorAll("[data-of-file]")) setText(name, ` ${view.filename}`);
        const retry = find(item, "[data-batch-retry]");
        retry.hidden = !canRetry;
        retry.disabled = busy;
        find(item, "[data-batch-dismiss]").hidden = !ended;
    }
}

customElements.define("batch-modal", BatchModal);
