import { find, setText } from "./dom.js";

/**
 * The dialog that asks before something which cannot be taken back easily.
 */
export class Confirmation {
    #dialog;
    #agree;
    #input;
    #word = "";
    #check = () => (this.#agree.disabled = this.#word !== "" && this.#input.value.trim() !== this.#word);

    /** @param {HTMLDialogElement} dialog rendered by Jinja */
    constructor(dialog) {
        this.#dialog = dialog;
        this.#agree = find(dialog, "[data-confirmation-agree]");
        this.#input = find(dialog, "input");
        this.#input.addEventListener("input", this.#check);
        find(dialog, "[data-confirmation-cancel]").addEventListener("click", () => dialog.close()); // so that Enter agrees, once it may
    }

    /**
     * Ask, and wait for the answer.
     *
     * @param {{title: string, text: string, agree: string, word?: string}} question `agree` is the label of the button
     *   that goes on; `word` must be typed before it works
     * @returns {Promise<boolean>} whether to go on
     */
    ask({ title, text, agree, word = "" }) {
        this.#word = word;
        setText(find(this.#dialog, "[data-confirmation-title]"), title);
        setText(find(this.#dialog, "[data-confirmation-text]"), text);
        setText(find(this.#dialog, "[data-confirmation-word]"), word);
        setText(this.#agree, agree);
        find(this.#dialog, "[data-confirmation-asks]").hidden = word === "";
        this.#input.value = "";
        this.#check();
        this.#dialog.returnValue = "";
        this.#dialog.showModal();
        if (word) this.#input.focus();
        return new Promise((resolve) =>
            this.#dialog.addEventListener("close", () => resolve(this.#dialog.returnValue === "agreed"), { once: true }),
        );
    }
}
