import { find, setText } from "../lib/dom.js";
import { ConnectedElement } from "../lib/element.js";
import { count } from "../lib/format.js";

/**
 * "21–40 of 99" with the buttons for the page before and after. Without the buttons while everything fits on one page.
 *
 * Events: `page`, with the number of the page to show and, beyond the numbered pages, its `cursor`.
 */
class ListPager extends ConnectedElement {
    #page = 1;
    #next = {};

    connectedCallback() {
        super.connectedCallback();
        this.listen(find(this, "[data-page-previous]"), "click", () => this.#go(this.before));
        this.listen(find(this, "[data-page-next]"), "click", () => this.#go(this.behind));
    }

    /** @returns {{page: number} | null} the previous page, if it can be reached */
    get before() {
        return isUsable(find(this, "[data-page-previous]")) ? { page: this.#page - 1 } : null;
    }

    /** @returns {{page: number, cursor?: string} | null} the next page, if there is one */
    get behind() {
        return isUsable(find(this, "[data-page-next]")) ? this.#next : null;
    }

    /**
     * The first pages are reached by number, later ones only one after another.
     *
     * @param {{page: number, limit: number, total: number, pages: number, numberedPages?: number, next?: string}} pagination from the API
     */
    show({ page, limit, total, pages, numberedPages = pages, next: cursor }) {
        this.#page = page;
        this.#next = page < numberedPages ? { page: page + 1 } : { page: page + 1, cursor };
        this.hidden = total === 0;
        const first = (page - 1) * limit + 1;
        setText(find(this, "[data-page-info]"), `${count(first)}–${count(Math.min(total, page * limit))} of ${count(total)}`);
        const [previous, next] = [find(this, "[data-page-previous]"), find(this, "[data-page-next]")];
        for (const button of [previous, next]) button.hidden = pages <= 1;
        previous.disabled = page <= 1;
        previous.hidden ||= page - 1 > numberedPages; // use the browser's back button there
        next.disabled = page >= pages;
    }

    #go(place) {
        this.dispatchEvent(new CustomEvent("page", { detail: place }));
    }
}

const isUsable = (button) => !button.hidden && !button.disabled;

customElements.define("list-pager", ListPager);
