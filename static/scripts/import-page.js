import { STATES, facts, hasEnded, shownState } from "./import-facts.js";
import { showOutcome, showReading } from "./import-outcome.js";
import { request } from "./shared/api.js";
import { Confirmation } from "./shared/confirmation.js";
import { find, setItems, setText } from "./shared/dom.js";
import { count } from "./shared/format.js";
import { leftOut, question, reasons } from "./shared/question.js";
import { WaysOut } from "./shared/ways-out.js";

const REFRESH_MS = 3_000;
const UNDO = { title: "Undo this import?", text: "Everything will be as it was before it. To have it back, import the file again.", agree: "Undo this import" };

/**
 * One import: its figures, what it changed, and what can still be done about it.
 */
export class ImportPage {
    #element;
    #runs;
    #confirmation = new Confirmation(find(document, "[data-confirmation]"));
    #waysOut;
    #record = null;
    #busy = false;
    #timer = null;
    #refresh = () => this.#load();
    #onOpen = () => this.#runs.open(this.#record);
    #onUndo = () => this.#undo();
    #onRetry = () => this.#retry();
    #onConfirm = () => this.#answer("confirm");
    #onCancel = () => this.#answer("cancel");

    /**
     * @param {HTMLElement} element
     * @param {{runs: import("./shared/import-runs.js").ImportRuns}} page
     */
    constructor(element, { runs }) {
        this.#element = element;
        this.#runs = runs;
        this.#waysOut = new WaysOut(element, (said) => this.#answer("confirm", said));
    }

    start() {
        this.#runs.addEventListener("progressed", this.#refresh);
        this.#part("open").addEventListener("click", this.#onOpen);
        this.#part("undo").addEventListener("click", this.#onUndo);
        this.#part("retry").addEventListener("click", this.#onRetry);
        this.#part("confirm").addEventListener("click", this.#onConfirm);
        this.#part("cancel").addEventListener("click", this.#onCancel);
        this.#waysOut.start();
        this.#load();
    }

    stop() {
        this.#runs.removeEventListener("progressed", this.#refresh);
        this.#part("open").removeEventListener("click", this.#onOpen);
        this.#part("undo").removeEventListener("click", this.#onUndo);
        this.#part("retry").removeEventListener("click", this.#onRetry);
        this.#part("confirm").removeEventListener("click", this.#onConfirm);
        this.#part("cancel").removeEventListener("click", this.#onCancel);
        this.#waysOut.stop();
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

    /** Answer the import's question, and show what comes of it in the modal; whether the answer was taken. */
    async #answer(action, json) {
        this.#busy = true;
        this.#notice("");
        this.#showQuestion(this.#record);
        let taken = false;
        try {
            const record = await request(`${this.#path}/${action}`, { method: "POST", json });
            taken = true;
            if (!hasEnded(record)) this.#runs.open(record);
        } catch (error) {
            this.#notice(error.message);
        }
        this.#busy = false;
        await this.#load();
        return taken;
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
        setItems(this.#part("warnings"), record.warnings);
        this.#sentence("left-out", record.state === "completed" ? leftOut(record) : "");
        this.#part("left-out-rejects").hidden = record.rejected === 0;
        this.#showQuestion(record);
        for (const cell of this.#element.querySelectorAll("[data-rows]")) setText(cell, count(record[cell.dataset.rows]));
        this.#part("rows").hidden = record.state === "failed" && record.rowsRead === 0;
        this.#part("rejects").hidden = record.rejected === 0;
        this.#part("rejects").href = `${this.#path}/rejects.csv`;
        showReading(this.#element, record.recognition);
        showOutcome(this.#element, record);
        if (!hasEnded(record)) this.#timer = setTimeout(this.#refresh, REFRESH_MS);
    }

    #showQuestion(record) {
        const asks = record.state === "awaiting-confirmation";
        this.#part("question").hidden = !asks;
        if (!asks) return;
        setText(this.#part("question-text"), question(record));
        setItems(this.#part("reasons"), reasons(record));
        this.#waysOut.show({ ...record, busy: this.#busy });
        this.#part("confirm").disabled = this.#part("cancel").disabled = this.#busy;
    }

    #notice(text) {
        this.#sentence("notice", text);
    }

    #sentence(name, text) {
        setText(this.#part(`${name}-text`), text);
        this.#part(name).hidden = text === "";
    }
}
