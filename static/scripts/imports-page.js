import { hasEnded } from "./import-facts.js";
import { importRow } from "./import-row.js";
import { request } from "./shared/api.js";
import { find, setText } from "./shared/dom.js";
import { Pager } from "./shared/pager.js";

const LIMIT = 20;
const REFRESH_MS = 3_000;

/**
 * The list of past imports. While one of them runs, whoever started it, the list is fetched anew every few seconds.
 */
export class ImportsPage {
    #element;
    #runs;
    #list;
    #template;
    #pager;
    #page = 1;
    #records = new Map();
    #timer = null;
    #requests = null;
    #refresh = () => this.#load();
    #onClick = (event) => {
        const button = event.target.closest("[data-open-progress]");
        if (button) this.#runs.open(this.#records.get(button.closest("[data-import-id]").dataset.importId));
    };

    /**
     * @param {HTMLElement} element
     * @param {{runs: import("./shared/import-runs.js").ImportRuns}} page
     */
    constructor(element, { runs }) {
        this.#element = element;
        this.#runs = runs;
        this.#list = find(element, "[data-imports-list]");
        this.#template = find(element, "template");
        this.#pager = new Pager(find(element, "[data-pager]"), (page) => {
            this.#page = page;
            this.#load();
        });
    }

    start() {
        this.#runs.addEventListener("progressed", this.#refresh);
        this.#list.addEventListener("click", this.#onClick);
        this.#pager.start();
        this.#load();
    }

    stop() {
        this.#runs.removeEventListener("progressed", this.#refresh);
        this.#list.removeEventListener("click", this.#onClick);
        this.#pager.stop();
        this.#requests?.abort();
        clearTimeout(this.#timer);
    }

    async #load() {
        clearTimeout(this.#timer);
        this.#requests?.abort(); // only the newest answer counts
        this.#requests = new AbortController();
        try {
            const answer = await request(`/api/imports?page=${this.#page}&limit=${LIMIT}`, { signal: this.#requests.signal });
            this.#show(answer);
        } catch (error) {
            if (error.name === "AbortError") return;
            this.#element.dataset.view = this.#records.size > 0 ? "list" : "trouble";
            setText(find(this.#element, "[data-trouble]"), error.message);
        }
    }

    #show({ data, pagination }) {
        this.#records = new Map(data.map((record) => [String(record.importId), record]));
        const focused = document.activeElement.closest("[data-import-id]")?.dataset.importId;
        this.#list.replaceChildren(...data.map((record) => importRow(this.#template, record)));
        if (focused) this.#list.querySelector(`[data-import-id="${focused}"] :is(button, a):not([hidden])`)?.focus(); // the rows are new
        this.#pager.render(pagination);
        this.#element.dataset.view = pagination.total > 0 ? "list" : "empty";
        if (!data.every(hasEnded)) this.#timer = setTimeout(this.#refresh, REFRESH_MS);
    }
}
