import { request } from "./shared/api.js";
import { debug } from "./shared/debug.js";
import { debounced, find, setText } from "./shared/dom.js";
import { filtersInUse } from "./vulnerabilities-query.js";

const TYPING_MS = 300;

/**
 * The filters of a list: shows those of a query, and tells what the reader changes.
 */
export class FilterBar {
    #element;
    #change;
    #controls;
    #more;
    #body;
    #chips;
    #sources = {};
    #onChange = (event) => {
        const { filter } = event.target.dataset;
        if (!filter || event.target.type === "search" || !event.target.checkValidity()) return;
        this.#change({ [filter]: event.target.type === "checkbox" ? (event.target.checked ? "true" : "") : event.target.value.trim() });
    };
    #onTyping = debounced((event) => this.#change({ search: event.target.value }, "replaceState"), TYPING_MS);
    #onInput = (event) => event.target.type === "search" && this.#onTyping(event);
    #onMore = () => this.#unfold(this.#body.hidden);
    #onChip = (event) => {
        const chip = event.target.closest("[data-chip]");
        if (!chip) return;
        this.#change({ [chip.dataset.chip]: "", ...(chip.dataset.chip === "changedBy" && { change: "" }) });
        (this.#chips.querySelector("button") ?? this.#more).focus();
    };

    /**
     * @param {HTMLElement} element
     * @param {Record<string, string>} fixed filters that are not the reader's to change: there is nothing to choose of these
     * @param {(changes: object, method?: string) => void} change
     */
    constructor(element, fixed, change) {
        this.#element = element;
        this.#change = change;
        this.#controls = Array.from(element.querySelectorAll("[data-filter]"));
        this.#more = find(element, "[data-more-filters]");
        this.#body = find(element, "[data-more-filters-body]");
        this.#chips = find(element, "[data-chips]");
        for (const name of Object.keys(fixed)) {
            const control = element.querySelector(`[data-filter="${name}"]`);
            if (control) control.closest("label").hidden = true;
        }
    }

    start() {
        this.#listen("addEventListener");
        this.#loadSources();
    }

    stop() {
        this.#listen("removeEventListener");
    }

    #listen(method) {
        this.#element[method]("change", this.#onChange);
        this.#element[method]("input", this.#onInput);
        this.#more[method]("click", this.#onMore);
        this.#chips[method]("click", this.#onChip);
    }

    /** @param {import("./vulnerabilities-query.js").Query} query */
    show(query) {
        for (const control of this.#controls) {
            const typing = control === document.activeElement && control.type === "search" && query.search !== "";
            if (control.type === "checkbox") control.checked = query[control.dataset.filter] === "true";
            else if (!typing) control.value = query[control.dataset.filter];
        }
        const inUse = filtersInUse(query);
        this.#chips.hidden = inUse.length === 0;
        this.#chips.replaceChildren(...inUse.map(([name, text]) => chip(name, name === "source" ? (this.#sources[query.source] ?? text) : text)));
    }

    #unfold(open) {
        this.#body.hidden = !open;
        this.#more.setAttribute("aria-expanded", String(open));
        if (open) find(this.#body, "label:not([hidden]) :is(input, select)").focus();
    }

    async #loadSources() {
        try {
            const { data } = await request("/api/sources");
            const select = find(this.#element, "[data-filter-source]");
            const chosen = select.value || new URLSearchParams(location.search).get("source") || "";
            this.#sources = Object.fromEntries(data.map((source) => [source.sourceId, [source.scannerName, source.source].filter(Boolean).join(" · ")]));
            select.replaceChildren(select.options[0], ...Object.entries(this.#sources).map(([id, name]) => new Option(name, id)));
            select.value = chosen;
            const told = this.#chips.querySelector('[data-chip="source"] span');
            if (told) setText(told, this.#sources[chosen] ?? told.textContent);
        } catch (error) {
            debug("no sources:", error.message); // the list says that the server cannot be reached
        }
    }
}

function chip(name, text) {
    const item = document.createElement("li");
    const button = document.createElement("button");
    const label = document.createElement("span");
    const cross = document.createElement("span");
    button.type = "button";
    button.className = "chip";
    button.dataset.chip = name;
    button.setAttribute("aria-label", `Remove the filter: ${text}`);
    setText(label, text);
    setText(cross, "×");
    cross.setAttribute("aria-hidden", "true");
    button.append(label, cross);
    item.append(button);
    return item;
}
