import { ConnectedElement } from "../lib/element.js";
import { find } from "../lib/dom.js";
import { local } from "../lib/storage.js";

const COLUMNS = "hextrackr_columns";
const ORDER = "hextrackr_column_order";
const DENSITY = "hextrackr_density";
/** Room that the title of a finding needs, in pixels. */
const TITLE = 200;

/**
 * The display options of a list: row height, columns and their order. Stored in the browser.
 *
 * Events: `display`, after a change.
 */
class ListDisplay extends ConnectedElement {
    #list;
    #usual;
    /** The cells of the template by their columns, those of columns that are not chosen too. */
    #cells = null;

    connectedCallback() {
        super.connectedCallback();
        this.#list = find(this, "[data-column-list]");
        this.#usual = { order: this.#items.map(nameOf), columns: this.#chosen };
        this.#show(local.json(COLUMNS, this.#usual.columns), local.json(ORDER, this.#usual.order));
        const density = this.querySelector(`[name="density"][value="${CSS.escape(String(local.json(DENSITY, "compact")))}"]`);
        if (density) density.checked = true;
        this.listen(this, "change", ({ target }) => {
            if (target.name === "density") local.put(DENSITY, target.value);
            else local.put(COLUMNS, this.#chosen);
            this.#report();
        });
        this.listen(this.#list, "click", ({ target }) => this.#move(target.closest("[data-column-move]")));
        this.listen(find(this, "[data-columns-reset]"), "click", () => {
            for (const key of [COLUMNS, ORDER]) local.put(key, null);
            this.#show(this.#usual.columns, this.#usual.order);
            this.#report();
        });
    }

    /** @param {boolean} shown whether there are columns to choose: groups have columns of their own */
    offerColumns(shown) {
        find(this, "[data-display-columns]").hidden = !shown;
    }

    /** @returns {string} the names of the columns that an exported file has for what is shown, separated by commas */
    shown() {
        return [...new Set(["severity", "host", "pluginId", "title", ...this.#chosen])].join(",");
    }

    /**
     * Put the columns of a table and of the template of its rows in order, leave out those that are not chosen, and set the height of the rows.
     * Rows that are there already stay as they are.
     *
     * @param {HTMLElement} root that has the table
     */
    apply(root) {
        root.dataset.density = find(this, "[name=density]:checked").value;
        const chosen = this.#chosen;
        const head = find(root, '[data-table="finding"] thead tr');
        const heads = cellsOf(head);
        head.append(...this.#items.map((item) => heads[nameOf(item)]));
        for (const [name, cell] of Object.entries(heads)) cell.hidden = !chosen.includes(name);
        const template = find(root, "[data-finding-template]").content.firstElementChild;
        this.#cells ??= cellsOf(template);
        for (const cell of Object.values(this.#cells)) cell.remove();
        template.append(...chosen.map((name) => this.#cells[name]));
        this.fit(root);
    }

    /**
     * Let a table scroll horizontally in its frame if its columns leave no room for the titles.
     *
     * @param {HTMLElement} root that has the table
     */
    fit(root) {
        const frame = find(root, "[data-list-frame]");
        const table = find(root, '[data-table="finding"]');
        const others = Array.from(table.querySelectorAll("thead th:not(.title-cell)"), (cell) => cell.offsetWidth);
        const least = others.reduce((sum, width) => sum + width, TITLE);
        table.style.minWidth = `${least}px`;
        frame.toggleAttribute("data-wide", !table.hidden && least > frame.clientWidth);
    }

    get #items() {
        return Array.from(this.#list.children);
    }

    get #chosen() {
        return this.#items.filter((item) => find(item, "input").checked).map(nameOf);
    }

    /** Ignore stored columns that no longer exist; new ones, which are not stored yet, come last. */
    #show(columns, order) {
        const place = (item) => (order.indexOf(nameOf(item)) + 1 || order.length + 1);
        this.#list.append(...this.#items.toSorted((one, other) => place(one) - place(other)));
        for (const item of this.#items) find(item, "input").checked = columns.includes(nameOf(item));
        this.#showEnds();
    }

    #move(button) {
        if (!button) return;
        const item = button.closest("[data-column-item]");
        if (button.dataset.columnMove === "up") item.previousElementSibling.before(item);
        else item.nextElementSibling.after(item);
        this.#showEnds();
        (button.disabled ? find(item, "[data-column-move]:enabled") : button).focus();
        local.put(ORDER, this.#items.map(nameOf));
        this.#report();
    }

    #showEnds() {
        for (const item of this.#items) {
            find(item, '[data-column-move="up"]').disabled = item.previousElementSibling === null;
            find(item, '[data-column-move="down"]').disabled = item.nextElementSibling === null;
        }
    }

    #report() {
        this.dispatchEvent(new CustomEvent("display"));
    }
}

const cellsOf = (row) => Object.fromEntries(Array.from(row.querySelectorAll("[data-column]"), (cell) => [cell.dataset.column, cell]));
const nameOf = (item) => item.dataset.columnItem;

customElements.define("list-display", ListDisplay);
