import { find } from "../lib/dom.js";
import { ConnectedElement } from "../lib/element.js";

/**
 * A menu in a `details` element. It closes with Escape, a click elsewhere, or a click on one of its links.
 */
class DropDown extends ConnectedElement {
    connectedCallback() {
        super.connectedCallback();
        const details = find(this, "details");
        this.listen(this, "keydown", (event) => {
            if (event.key !== "Escape" || !details.open) return;
            event.stopPropagation();
            details.open = false;
            find(details, "summary").focus();
        });
        this.listen(document, "click", ({ target }) => {
            if (!this.contains(target) || target.closest("a")) details.open = false;
        });
    }
}

customElements.define("drop-down", DropDown);
