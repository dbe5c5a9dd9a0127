import { find, setText } from "../lib/dom.js";
import { ConnectedElement } from "../lib/element.js";

/**
 * A dialog that asks for confirmation before an action that is hard to undo.
 */
class ConfirmDialog extends ConnectedElement {
    #dialog;
    #agree;
    #input;
    #word = "";

    connectedCallback() {
        super.connectedCallback();
        this.#dialog = find(this, "dialog");
        this.#agree = find(this, "[data-confirmation-agree]");
        this.#input = find(this, "input");
        this.listen(this.#input, "input", () => this.#check());
        this.listen(find(this, "[data-confirmation-cancel]"), "click", () => this.#dialog.close()); // not a submit button, so that Enter confirms
    }

    /**
     * Ask, and wait for the answer.
     *
     * @param {{title: string, text: string, agree: string, word?: string}} question `agree` is the label of the button
     *   that goes on; `word` must be typed before it works
     * @returns {Promise<boolean>} whether the user confirmed
     */
    ask({ title, text, agree, word = "" }) {
        this.#word = word;
        setText(find(this, "[data-confirmation-title]"), title);
        setText(find(this, "[data-confirmation-text]"), text);
        setText(find(this, "[data-confirmation-word]"), word);
        setText(this.#agree, agree);
        find(this, "[data-confirmation-asks]").hidden = word === "";
        this.#input.value = "";
        this.#check();
        this.#dialog.returnValue = "";
        this.#dialog.showModal();
        if (word) this.#input.focus();
        return new Promise((resolve) =>
            this.#dialog.addEventListener("close", () => resolve(this.#dialog.returnValue === "agreed"), { once: true }),
        );
    }

    #check() {
        this.#agree.disabled = this.#word !== "" && this.#input.value.trim() !== this.#word;
    }
}

customElements.define("confirm-dialog", ConfirmDialog);
