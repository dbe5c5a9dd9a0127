import { local } from "./shared/storage.js";

const KEY = "hextrackr_columns";
const USUAL = ["cve", "port", "vpr", "cvss", "firstSeen", "lastSeen", "state"];

/**
 * Which columns of the findings are shown. Kept in this browser.
 */
export class ColumnChoice {
    #element;
    #onChange = () => {
        local.put(KEY, this.#boxes.filter((box) => box.checked).map((box) => box.dataset.columnChoice));
        this.apply();
    };

    /** @param {HTMLElement} element with the choice and the tables */
    constructor(element) {
        this.#element = element;
    }

    get #boxes() {
        return Array.from(this.#element.querySelectorAll("[data-column-choice]"));
    }

    start() {
        const chosen = local.json(KEY, USUAL);
        for (const box of this.#boxes) {
            box.checked = chosen.includes(box.dataset.columnChoice);
            box.addEventListener("change", this.#onChange);
        }
        this.apply();
    }

    stop() {
        for (const box of this.#boxes) box.removeEventListener("change", this.#onChange);
    }

    /** Hide what is not chosen, in the rows that are there now. */
    apply() {
        const chosen = Object.fromEntries(this.#boxes.map((box) => [box.dataset.columnChoice, box.checked]));
        for (const cell of this.#element.querySelectorAll("[data-table] [data-column]")) {
            cell.hidden = chosen[cell.dataset.column] === false;
        }
    }
}
