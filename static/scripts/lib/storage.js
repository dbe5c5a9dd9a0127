/**
 * localStorage and sessionStorage that never throw: a browser may disable both, and the pages work without them.
 */

/** Text and JSON in one of the browser's stores. */
class Store {
    #find;

    /** @param {() => Storage} find called at each use, as merely accessing the store may throw */
    constructor(find) {
        this.#find = find;
    }

    /**
     * @param {string} key
     * @returns {string | null}
     */
    text(key) {
        try {
            return this.#find().getItem(key);
        } catch {
            return null;
        }
    }

    /**
     * @param {string} key
     * @param {*} fallback returned if nothing valid is stored
     */
    json(key, fallback) {
        try {
            return JSON.parse(this.text(key)) ?? fallback;
        } catch {
            return fallback;
        }
    }

    /**
     * @param {string} key
     * @param {*} value any JSON value; null removes the key
     */
    put(key, value) {
        try {
            if (value === null) this.#find().removeItem(key);
            else this.#find().setItem(key, JSON.stringify(value));
        } catch {
            // full or disabled: the value is lost when the page is closed
        }
    }
}

/** Shared by all tabs, stored permanently. */
export const local = new Store(() => globalThis.localStorage);

/** Of this tab, until it closes. */
export const session = new Store(() => globalThis.sessionStorage);
