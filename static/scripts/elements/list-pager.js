import { find, setText } from "../lib/dom.js";
import { ConnectedElement } from "../lib/element.js";
import { count } from "../lib/format.js";

/**
 * "21–40 of 99" with the buttons for the page before and after. Without the buttons while everything fits on one page.
 *
 * Events: `page`, with the number of the page to go to.
 */
class ListPager extends ConnectedElement {
    #page = 1;

    connectedCallback() {
        super.connectedCallback();
        this.listen(find(this, "[data-page-previous]"), "click", () => this.#go(this.#page - 1));
        this.listen(find(this, "[data-page-next]"), "click", () => this.#go(this.#page + 1));
    }

    /** @param {{page: number, limit: number, total: number, pages: number, totalExact?: boolean}} pagination as the API answers it */
    show({ page, limit, total, pages, totalExact = true }) {
        this.#page = page;
        this.hidden = total === 0;
        const first = (page - 1) * limit + 1;
        const of = totalExact ? count(total) : `more than ${count(total - 1)}`;
        setText(find(this, "[data-page-info]"), `${count(first)}–${count(Math.min(total, page * limit))} of ${of}`);
        const [previous, next] = [find(this, "[data-page-previous]"), find(this, "[data-page-next]")];
        for (const button of [previous, next]) button.hidden = pages <= 1;
        previous.disabled = page <= 1;
        next.disabled = page >= pages;
    }

    #go(page) {
        this.dispatchEvent(new CustomEvent("page", { detail: page }));
    }
}

customElements.define("list-pager", ListPager);
