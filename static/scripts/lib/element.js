/**
 * A custom element around markup that the server has rendered. Its listeners are removed when it leaves the page.
 */
export class ConnectedElement extends HTMLElement {
    #connection = null;

    connectedCallback() {
        this.#connection = new AbortController();
    }

    disconnectedCallback() {
        this.#connection.abort();
    }

    /** @returns {AbortSignal} aborted when the element leaves the page */
    get signal() {
        return this.#connection.signal;
    }

    /**
     * Listen until the element leaves the page.
     *
     * @param {EventTarget} target
     * @param {string} event
     * @param {(event: Event) => void} listener
     */
    listen(target, event, listener) {
        target.addEventListener(event, listener, { signal: this.signal });
    }
}
