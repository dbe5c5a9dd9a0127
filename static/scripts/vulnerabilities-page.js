import { findingRow } from "./finding-row.js";
import { request } from "./shared/api.js";
import { debounced, find, setText } from "./shared/dom.js";
import { Pager } from "./shared/pager.js";
import { isFiltered, queryFromUrl, requestFromQuery, urlFromQuery } from "./vulnerabilities-query.js";

const LIMIT = 50;
const TYPING_MS = 300;

/**
 * The list of findings with its filters. What is shown is in the URL, so a view can be reloaded, sent and gone back to.
 */
export class VulnerabilitiesPage {
    #element;
    #runs;
    #parts;
    #pager;
    #query;
    #requests = null;
    #refresh = () => this.#load();
    #onHistory = () => this.#readUrl();
    #onFilter = () => this.#change({ severity: this.#parts.severity.value, state: this.#parts.state.value });
    #onTyping = debounced(() => this.#change({ search: this.#parts.search.value }, "replaceState"), TYPING_MS);
    #onClick = (event) => {
        const { target } = event;
        const sort = target.closest("[data-sort]")?.dataset.sort;
        const severity = target.closest("[data-stat]")?.dataset.stat;
        if (sort) this.#sortBy(sort);
        else if (severity) this.#change({ severity: this.#query.severity === severity ? "" : severity });
        else if (target.closest("[data-filter-reset]")) this.#change({ severity: "", state: "open", search: "" });
    };

    /**
     * @param {HTMLElement} element
     * @param {{runs: import("./shared/import-runs.js").ImportRuns}} page
     */
    constructor(element, { runs }) {
        this.#element = element;
        this.#runs = runs;
        const selectors = { list: "[data-vulnerabilities-list]", template: "template", trouble: "[data-trouble]" };
        for (const name of ["severity", "state", "search"]) selectors[name] = `[data-filter-${name}]`;
        this.#parts = Object.fromEntries(Object.entries(selectors).map(([name, selector]) => [name, find(element, selector)]));
        this.#pager = new Pager(find(element, "[data-pager]"), (page) => this.#change({ page }));
    }

    start() {
        this.#listen("addEventListener");
        this.#pager.start();
        this.#readUrl();
    }

    stop() {
        this.#listen("removeEventListener");
        this.#pager.stop();
        this.#requests?.abort();
    }

    #listen(method) {
        this.#runs[method]("progressed", this.#refresh);
        window[method]("popstate", this.#onHistory);
        this.#parts.severity[method]("change", this.#onFilter);
        this.#parts.state[method]("change", this.#onFilter);
        this.#parts.search[method]("input", this.#onTyping);
        this.#element[method]("click", this.#onClick);
    }

    #readUrl() {
        this.#query = queryFromUrl(location.search);
        this.#showQuery();
        this.#load();
    }

    /** Any change but that of the page begins at the first page. */
    #change(changes, method = "pushState") {
        this.#query = { ...this.#query, page: 1, ...changes };
        history[method](null, "", location.pathname + urlFromQuery(this.#query));
        this.#showQuery();
        this.#load();
    }

    #sortBy(sort) {
        const order = this.#query.sort === sort && this.#query.order === "desc" ? "asc" : "desc";
        this.#change({ sort, order });
    }

    #showQuery() {
        const { severity, state, search, sort, order } = this.#query;
        Object.assign(this.#parts.severity, { value: severity });
        Object.assign(this.#parts.state, { value: state });
        if (this.#parts.search !== document.activeElement || search === "") this.#parts.search.value = search;
        for (const card of this.#element.querySelectorAll("[data-stat]")) {
            card.setAttribute("aria-pressed", String(card.dataset.stat === severity));
        }
        for (const button of this.#element.querySelectorAll("[data-sort]")) {
            const sorted = button.dataset.sort === sort ? (order === "asc" ? "ascending" : "descending") : "none";
            button.closest("th").setAttribute("aria-sort", sorted);
        }
    }

    async #load() {
        this.#requests?.abort(); // only the newest answer counts
        this.#requests = new AbortController();
        this.#parts.list.setAttribute("aria-busy", "true");
        try {
            this.#show(await request(requestFromQuery(this.#query, LIMIT), { signal: this.#requests.signal }));
        } catch (error) {
            if (error.name === "AbortError") return;
            this.#element.dataset.view = "trouble";
            setText(this.#parts.trouble, error.message);
        }
        this.#parts.list.removeAttribute("aria-busy");
    }

    #show({ data, pagination }) {
        if (data.length === 0 && pagination.total > 0) {
            this.#change({ page: pagination.pages }, "replaceState"); // the list has become shorter than the URL thinks
            return;
        }
        this.#parts.list.replaceChildren(...data.map((finding) => findingRow(this.#parts.template, finding)));
        this.#pager.render(pagination);
        this.#element.dataset.view = pagination.total > 0 ? "list" : isFiltered(this.#query) ? "unmatched" : "empty";
    }
}
