import { find, setText } from "../lib/dom.js";
import { ConnectedElement } from "../lib/element.js";
import { request } from "../lib/http.js";
import { imports } from "../progress/imports.js";

/** Error codes of a server that will be ready soon. */
const PASSING = new Set(["SQLITE_BUSY", "MAINTENANCE", "STOPPING", "HTTP_502", "HTTP_503"]);
const AGAIN_MS = 2_000;

/**
 * A part of a page that shows one response of the server: loading, list, empty or trouble. It is reloaded whenever an import changes its
 * state, and as long as the server is not ready to answer.
 *
 * `data-path` is the URL to fetch, `data-view` the current view.
 *
 * @abstract
 */
export class DataElement extends ConnectedElement {
    #request = null;
    #again = null;

    connectedCallback() {
        super.connectedCallback();
        this.listen(imports, "progressed", () => this.load());
        this.load();
    }

    disconnectedCallback() {
        super.disconnectedCallback();
        this.#request?.abort();
        clearTimeout(this.#again);
    }

    /** @returns {string} the URL to fetch */
    get path() {
        return this.dataset.path;
    }

    /** Fetch again; only the latest response counts. */
    async load() {
        this.#request?.abort();
        clearTimeout(this.#again);
        this.#request = new AbortController();
        try {
            this.show(await request(this.path, { signal: this.#request.signal }));
        } catch (error) {
            if (error.name === "AbortError") return;
            this.showError(error);
            if (PASSING.has(error.code)) this.#again = setTimeout(() => this.load(), AGAIN_MS);
        }
    }

    /**
     * Show a response, and choose the view with {@link showView}.
     *
     * @param {object} _answer
     * @abstract
     */
    show(_answer) {
        throw new Error("A data element must define how to show its response.");
    }

    /** @param {Error} error why the request failed */
    showError(error) {
        this.showView("trouble");
        setText(find(this, "[data-trouble]"), error.message);
    }

    /** @param {"list" | "empty" | "unmatched" | "trouble"} view one of the parts marked `data-when` */
    showView(view) {
        this.dataset.view = view;
    }

    /**
     * Show a list of items, or the empty view.
     *
     * @param {string} selector of the list
     * @param {HTMLElement[]} items
     */
    showList(selector, items) {
        find(this, selector).replaceChildren(...items);
        this.showView(items.length > 0 ? "list" : "empty");
    }
}
