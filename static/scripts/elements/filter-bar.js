import { debug } from "../lib/debug.js";
import { debounced, find, setText } from "../lib/dom.js";
import { ConnectedElement } from "../lib/element.js";
import { request } from "../lib/http.js";
import { filtersChosen } from "./explorer-query.js";

const TYPING_MS = 40; // longer than the pause of a key that repeats; a newer request ends the one before, also on the server
const SUGGEST_MS = 120;

/**
 * The filters of a list: shows the filters of a query, and reports changes by the user.
 *
 * `data-fixed` has filters that are not the reader's to change, as a query string: there is nothing to choose of these.
 *
 * Events: `filter`, with the changes, and whether they replace the current entry of the browser's history.
 */
class FilterBar extends ConnectedElement {
    #controls;
    #more;
    #body;
    #chips;
    #sources = {};
    /** Whether the latest change was a letter of the search: the letters of one search are one entry of the browser's history. */
    #typed = false;

    connectedCallback() {
        super.connectedCallback();
        this.#controls = Array.from(this.querySelectorAll("[data-filter]"));
        this.#more = find(this, "[data-more-filters]");
        this.#body = find(this, "[data-more-filters-body]");
        this.#chips = find(this, "[data-chips]");
        for (const name of new URLSearchParams(this.dataset.fixed).keys()) {
            const control = this.querySelector(`[data-filter="${name}"]`);
            if (control) control.closest("label").hidden = true;
        }
        const onTyping = debounced((event) => this.#onTyped(event.target.value), TYPING_MS);
        const suggest = debounced((control) => this.#suggest(control), SUGGEST_MS);
        this.listen(this, "input", (event) => {
            if (event.target.type === "search") onTyping(event);
            if (!event.target.matches("[data-suggests]")) return;
            if (isSuggested(event.target)) this.#onChange(event.target);
            else suggest(event.target);
        });
        this.listen(this, "focusin", ({ target }) => target.matches("[data-suggests]") && this.#suggest(target));
        this.listen(this, "change", (event) => this.#onChange(event.target));
        this.listen(this, "focusout", () => (this.#typed = false));
        this.listen(this.#more, "click", () => this.#unfold(this.#body.hidden));
        this.listen(this.#chips, "click", (event) => this.#onChip(event.target.closest("[data-chip]")));
        this.#loadSources();
    }

    /** @param {import("./explorer-query.js").Query} query */
    show(query) {
        for (const control of this.#controls) {
            const typing = control === document.activeElement && control.type === "search" && query.search !== "";
            if (control.type === "checkbox") control.checked = query[control.dataset.filter] === "true";
            else if (!typing) control.value = query[control.dataset.filter] ?? "";
        }
    }

    /**
     * @param {Record<string, string>} filters the active filters, as the server describes them
     * @param {import("./explorer-query.js").Query} query
     */
    showInUse(filters, query) {
        const inUse = filtersChosen(filters, query);
        const focused = this.#chips.contains(document.activeElement);
        this.#chips.hidden = inUse.length === 0;
        this.#chips.replaceChildren(
            ...inUse.map(([name, text]) => chip(name, name === "source" ? (this.#sources[query.source] ?? text) : text)),
            ...(inUse.length > 1 ? [clearAll()] : []),
        );
        if (focused) (this.#chips.querySelector("button") ?? this.#more).focus();
    }

    /** Focus the search field. */
    search() {
        find(this, "[data-filter-search]").focus();
    }

    #onTyped(search) {
        this.#change({ search }, this.#typed);
        this.#typed = true;
    }

    #change(changes, replaces = false) {
        this.#typed = false;
        this.dispatchEvent(new CustomEvent("filter", { detail: { changes, replaces } }));
    }

    #onChange(control) {
        const { filter } = control.dataset;
        if (!filter || control.type === "search" || !control.checkValidity()) return;
        this.#change({ [filter]: control.type === "checkbox" ? (control.checked ? "true" : "") : control.value.trim() });
    }

    #onChip(chip) {
        if (!chip) return;
        const { chip: name } = chip.dataset;
        this.#change({ [name]: name === "state" ? "open" : "", ...(name === "changedBy" && { change: "" }) });
    }

    /** Suggest values on record that contain the typed text. */
    async #suggest(control) {
        const parameters = new URLSearchParams({ field: control.dataset.filter, q: control.value.trim() });
        try {
            const { data } = await request(`/api/vulnerabilities/suggest?${parameters}`, { signal: this.signal });
            control.list.replaceChildren(...data.map((value) => new Option(value, value)));
        } catch (error) {
            debug("no suggestions:", error.message); // the filter works without them
        }
    }

    #unfold(open) {
        this.#body.hidden = !open;
        this.#more.setAttribute("aria-expanded", String(open));
        if (open) find(this.#body, "label:not([hidden]) :is(input, select)").focus();
    }

    async #loadSources() {
        try {
            const { data } = await request("/api/sources", { signal: this.signal });
            const select = find(this, "[data-filter-source]");
            const chosen = select.value || new URLSearchParams(location.search).get("source") || "";
            this.#sources = Object.fromEntries(data.map((source) => [source.sourceId, [source.scannerName, source.source].filter(Boolean).join(" · ")]));
            select.replaceChildren(select.options[0], ...Object.entries(this.#sources).map(([id, name]) => new Option(name, id)));
            select.value = chosen;
            const label = this.#chips.querySelector('[data-chip="source"] span');
            if (label) setText(label, this.#sources[chosen] ?? label.textContent);
        } catch (error) {
            debug("no sources:", error.message); // the list shows the error
        }
    }
}

/** Whether the value of a field is one of its suggestions. */
function isSuggested({ list, value }) {
    return Array.from(list.options).some((option) => option.value === value);
}

function clearAll() {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "chip-clear";
    button.dataset.filterReset = "";
    setText(button, "Clear all");
    item.append(button);
    return item;
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

customElements.define("filter-bar", FilterBar);
