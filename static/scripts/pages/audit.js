import { DataElement } from "../elements/data-element.js";
import "../elements/list-pager.js";
import { copyOf, debounced, fill, find } from "../lib/dom.js";
import { instant } from "../lib/format.js";

/**
 * The audit entries that match a filter.
 */
class AuditList extends DataElement {
    #page = 1;

    connectedCallback() {
        const form = find(this, "[data-audit-filter]");
        super.connectedCallback();
        const changed = debounced(() => {
            this.#page = 1;
            find(this, "[data-audit-csv]").href = `/api/audit.csv?${this.#query()}`;
            this.load();
        }, 200);
        this.listen(form, "input", changed);
        this.listen(form, "submit", (event) => event.preventDefault());
        this.listen(find(this, "list-pager"), "page", ({ detail }) => {
            this.#page = detail.page;
            this.load();
        });
    }

    get path() {
        return `/api/audit?${new URLSearchParams({ ...Object.fromEntries(this.#query()), page: this.#page })}`;
    }

    #query() {
        const filled = [...new FormData(find(this, "[data-audit-filter]"))].filter(([, value]) => value !== "");
        return new URLSearchParams(filled);
    }

    show({ data, pagination }) {
        const template = find(this, "template");
        this.showList("[data-audit-rows]", data.map((entry) => entryRow(template, entry)));
        find(this, "list-pager").show(pagination);
    }
}

function entryRow(template, entry) {
    const row = copyOf(template);
    const { actor, via, address, action, target, outcome, before, after } = entry;
    fill(row, { actor: actor || "–", via, address, action, target, outcome, before: values(before), after: values(after) });
    const time = find(row, "time");
    time.dateTime = new Date(entry.time).toISOString();
    time.textContent = instant(entry.time);
    return row;
}

/** What there was, in words: `role: viewer, disabled: false`. */
function values(object) {
    return Object.entries(object ?? {})
        .map(([name, value]) => `${name}: ${written(name, value)}`)
        .join(", ");
}

/** Values whose name ends with `At` are instants. */
function written(name, value) {
    if (name.endsWith("At") && typeof value === "number") return instant(value);
    return typeof value === "object" ? JSON.stringify(value) : value;
}

customElements.define("audit-list", AuditList);
