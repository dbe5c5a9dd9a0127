import { ConnectedElement } from "../lib/element.js";
import { local } from "../lib/storage.js";

const KEY = "hextrackr_columns";
const USUAL = ["cves", "port", "vpr", "cvss", "firstSeen", "lastSeen", "state"];

/**
 * Which columns of a list are shown, as boxes to check. Stored in this browser.
 *
 * Events: `change`, as its boxes send it.
 */
class ColumnChoice extends ConnectedElement {
    #boxes;

    connectedCallback() {
        super.connectedCallback();
        this.#boxes = Array.from(this.querySelectorAll("[data-column-choice]"));
        const chosen = local.json(KEY, USUAL);
        for (const box of this.#boxes) box.checked = chosen.includes(box.dataset.columnChoice);
        this.listen(this, "change", () => {
            local.put(KEY, this.#boxes.filter((box) => box.checked).map((box) => box.dataset.columnChoice));
        });
    }

    /** @returns {string} the names of the columns that an exported file has for what is shown, separated by commas */
    shown() {
        const chosen = this.#boxes.filter((box) => box.checked).map((box) => box.dataset.columnChoice);
        return ["severity", "host", "pluginId", "title", ...chosen].join(",");
    }

    /**
     * Hide the columns that are not chosen, in the rows that are there now.
     *
     * @param {ParentNode} root that has the tables
     */
    apply(root) {
        const chosen = Object.fromEntries(this.#boxes.map((box) => [box.dataset.columnChoice, box.checked]));
        for (const cell of root.querySelectorAll("[data-table] [data-column]")) {
            cell.hidden = chosen[cell.dataset.column] === false;
        }
    }
}

customElements.define("column-choice", ColumnChoice);
