import { STATES, facts, hasEnded, shownState } from "./import-facts.js";
import { showOutcome, showReading } from "./import-outcome.js";
import { request } from "./shared/api.js";
import { Confirmation } from "./shared/confirmation.js";
import { find, setText } from "./shared/dom.js";
import { count } from "./shared/format.js";

const REFRESH_MS = 3_000;
const UNDO = { title: "Undo this import?", text: "Everything will be as it was before it. To have it back, import the file again.", agree: "Undo this import" };

/**
 * One import: its figures, what it changed, and what can still be done about it.
 */
export class ImportPage {
    #element;
    #runs;
    #confirmation = new Confirmation(find(document, "[data-confirmation]"));
    #record = null;
    #timer = null;
    #refresh = () => this.#load();
    #onOpen = () => this.#runs.open(this.#record);
    #onUndo = () => this.#undo();
    #onRetry = () => this.#retry();

    /**
     * @param {HTMLElement} element
     * @param {{runs: import("./shared/import-runs.js").ImportRuns}} page
     */
    constructor(element, { runs }) {
        this.#element = element;
        this.#runs = runs;
    }

    start() {
        this.#runs.addEventListener("progressed", this.#refresh);
        this.#part("open").addEventListener("click", this.#onOpen);
        this.#part("undo").addEventListener("click", this.#onUndo);
        this.#part("retry").addEventListener("click", this.#onRetry);
        this.#load();
    }

    stop() {
        this.#runs.removeEventListener("progressed", this.#refresh);
        this.#part("open").removeEventListener("click", this.#onOpen);
        this.#part("undo").removeEventListener("click", this.#onUndo);
        this.#part("retry").removeEventListener("click", this.#onRetry);
        clearTimeout(this.#timer);
    }

    get #path() {
        return `/api/imports/${this.#element.dataset.importId}`;
    }

    #part(name) {
        return find(this.#element, `[data-import-${name}]`);
    }

    async #load() {
        clearTimeout(this.#timer);
        try {
            this.#show(await request(this.#path));
        } catch (error) {
            this.#notice(error.message);
        }
    }

    async #retry() {
        try {
            this.#runs.open(await request(`${this.#path}/retry`, { method: "POST" }));
        } catch (error) {
            this.#notice(error.message);
        }
        this.#load();
    }

    async #undo() {
        if (!(await this.#confirmation.ask(UNDO))) return;
        const button = this.#part("undo");
        button.disabled = true;
        this.#notice("Taking the import back…");
        try {
            this.#show(await request(`${this.#path}/undo`, { method: "POST" }));
            this.#notice("The import was taken back. Everything is as it was before it.");
        } catch (error) {
            this.#notice(error.message);
        }
        button.disabled = false;
    }

    #show(record) {
        this.#record = record;
        this.#element.dataset.view = "list";
        const state = shownState(record);
        const badge = this.#part("state");
        badge.dataset.state = state;
        setText(badge, STATES[state] ?? state);
        setText(this.#part("facts"), facts(record));
        this.#part("open").hidden = hasEnded(record);
        setText(this.#part("open-label"), record.state === "awaiting-confirmation" ? "Review" : "Show progress");
        this.#part("undo").hidden = !record.undoable;
        this.#part("retry").hidden = !record.retryable;
        this.#part("map").hidden = !(record.retryable && record.error.code === "UNKNOWN_FORMAT");
        this.#sentence("error", record.error?.detail ?? "");
        this.#part("warnings").replaceChildren(...record.warnings.map(item));
        for (const cell of this.#element.querySelectorAll("[data-rows]")) setText(cell, count(record[cell.dataset.rows]));
        this.#part("rows").hidden = record.state === "failed" && record.rowsRead === 0;
        this.#part("rejects").hidden = record.rejected === 0;
        this.#part("rejects").href = `${this.#path}/rejects.csv`;
        showReading(this.#element, record.recognition);
        showOutcome(this.#element, record);
        if (!hasEnded(record)) this.#timer = setTimeout(this.#refresh, REFRESH_MS);
    }

    #notice(text) {
        this.#sentence("notice", text);
    }

    #sentence(name, text) {
        setText(this.#part(`${name}-text`), text);
        this.#part(name).hidden = text === "";
    }
}

function item(text) {
    const element = document.createElement("li");
    setText(element, text);
    return element;
}
