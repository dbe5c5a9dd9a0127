/**
 * A menu that a `details` unfolds: closed by Escape, by a click elsewhere, and by following one of its links.
 */
export class Menu {
    #element;
    #onKey = (event) => {
        if (event.key !== "Escape" || !this.#element.open) return;
        event.stopPropagation();
        this.#element.open = false;
        this.#element.querySelector("summary").focus();
    };
    #onClick = ({ target }) => {
        if (!this.#element.contains(target) || target.closest("a")) this.#element.open = false;
    };

    /** @param {HTMLDetailsElement} element */
    constructor(element) {
        this.#element = element;
    }

    start() {
        this.#element.addEventListener("keydown", this.#onKey);
        document.addEventListener("click", this.#onClick);
    }

    stop() {
        this.#element.removeEventListener("keydown", this.#onKey);
        document.removeEventListener("click", this.#onClick);
    }
}
