import { find, setText } from "./dom.js";
import { count } from "./format.js";

/**
 * "21–40 of 99" with the buttons for the page before and after. Without the buttons while everything fits on one page.
 */
export class Pager {
    #element;
    #previous;
    #next;
    #info;
    #page = 1;
    #go;
    #onPrevious = () => this.#go(this.#page - 1);
    #onNext = () => this.#go(this.#page + 1);

    /**
     * @param {HTMLElement} element
     * @param {(page: number) => void} go
     */
    constructor(element, go) {
        this.#element = element;
        this.#go = go;
        this.#previous = find(element, "[data-page-previous]");
        this.#next = find(element, "[data-page-next]");
        this.#info = find(element, "[data-page-info]");
    }

    start() {
        this.#previous.addEventListener("click", this.#onPrevious);
        this.#next.addEventListener("click", this.#onNext);
    }

    stop() {
        this.#previous.removeEventListener("click", this.#onPrevious);
        this.#next.removeEventListener("click", this.#onNext);
    }

    /** Nothing to page through. */
    hide() {
        this.#element.hidden = true;
    }

    /** @param {{page: number, limit: number, total: number, pages: number, totalExact?: boolean}} pagination as the server tells it */
    render({ page, limit, total, pages, totalExact = true }) {
        this.#page = page;
        this.#element.hidden = total === 0;
        const first = (page - 1) * limit + 1;
        setText(this.#info, `${count(first)}–${count(Math.min(total, page * limit))} of ${totalExact ? count(total) : `more than ${count(total - 1)}`}`);
        for (const button of [this.#previous, this.#next]) button.hidden = pages <= 1;
        this.#previous.disabled = page <= 1;
        this.#next.disabled = page >= pages;
    }
}
