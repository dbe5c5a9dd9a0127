import { request } from "./api.js";
import { find, setText } from "./dom.js";

/**
 * A part of a page that shows one answer of the server: loading, what there is, nothing, or trouble. Loaded anew when an import ends.
 */
export class Panel {
    #runs;
    #requests = null;
    #refresh = () => this.load();

    /**
     * @param {HTMLElement} element with `data-view`
     * @param {{runs: import("./import-runs.js").ImportRuns}} page
     */
    constructor(element, { runs }) {
        this.element = element;
        this.#runs = runs;
    }

    /** @returns {string} what to ask for; by default what the page says */
    get path() {
        return this.element.dataset.path;
    }

    start() {
        this.#runs.addEventListener("progressed", this.#refresh);
        this.load();
    }

    stop() {
        this.#runs.removeEventListener("progressed", this.#refresh);
        this.#requests?.abort();
    }

    /** Ask again; only the newest answer counts. */
    async load() {
        this.#requests?.abort();
        this.#requests = new AbortController();
        try {
            this.element.dataset.view = this.show(await request(this.path, { signal: this.#requests.signal })) ? "list" : "empty";
        } catch (error) {
            if (error.name === "AbortError") return;
            this.element.dataset.view = "trouble";
            setText(find(this.element, "[data-trouble]"), error.message);
        }
    }

    /**
     * Show an answer.
     *
     * @param {object} _answer
     * @returns {boolean} whether there is anything in it
     * @abstract
     */
    show(_answer) {
        throw new Error("A panel says how it shows its answer.");
    }
}
