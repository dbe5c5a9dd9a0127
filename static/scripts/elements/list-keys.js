import { find } from "../lib/dom.js";
import { ConnectedElement } from "../lib/element.js";
import { local } from "../lib/storage.js";

const STORED = "hextrackr_keys";
const ACTIONS = { j: "next", k: "previous", o: "open", "/": "search", "?": "help" };
/** Elements in which a letter is typed text. */
const TYPING = 'input:not([type="checkbox"], [type="radio"]), textarea, select, [contenteditable]';

/**
 * The keyboard shortcuts of a list, and the dialog that lists them and turns them off (WCAG 2.1.4). Stored in the browser.
 *
 * Events: `key`, with the action: `next`, `previous`, `open`, `search`, or `leave` from the search field when it is empty.
 */
class ListKeys extends ConnectedElement {
    #dialog;
    #switch;

    connectedCallback() {
        super.connectedCallback();
        this.#dialog = find(this, "dialog");
        this.#switch = find(this, "[data-keys-on]");
        this.#switch.checked = local.json(STORED, true);
        this.listen(this.#switch, "change", () => local.put(STORED, this.#switch.checked));
        this.listen(document, "keydown", (event) => this.#onKey(event));
    }

    disconnectedCallback() {
        super.disconnectedCallback();
        this.#dialog.close();
    }

    /** Show the list of shortcuts. */
    help() {
        this.#dialog.showModal();
    }

    #onKey(event) {
        const action = Object.hasOwn(ACTIONS, event.key) ? ACTIONS[event.key] : null;
        const chord = event.ctrlKey || event.metaKey || event.altKey || event.isComposing;
        if (event.key === "Escape" && event.target.matches?.("[data-filter-search]") && event.target.value === "") {
            this.dispatchEvent(new CustomEvent("key", { detail: "leave" }));
            return;
        }
        if (action === null || chord || !this.#switch.checked || event.target.closest?.(TYPING)) return;
        if (Array.from(document.querySelectorAll("dialog:modal")).some((dialog) => !dialog.matches("finding-panel dialog"))) return;
        event.preventDefault();
        if (action === "help") this.help();
        else this.dispatchEvent(new CustomEvent("key", { detail: action }));
    }
}

customElements.define("list-keys", ListKeys);
