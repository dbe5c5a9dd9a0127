import { find } from "../lib/dom.js";
import { ConnectedElement } from "../lib/element.js";
import { request } from "../lib/http.js";
import { signIn } from "../lib/sign-in.js";

/**
 * The dialog that appears when the login has ended (in this tab, in another one or on the server), with a link to the sign-in page. It
 * closes when the same user has signed in again in another tab; if another user has, the page is reloaded.
 */
class SignedOut extends ConnectedElement {
    #dialog;

    connectedCallback() {
        super.connectedCallback();
        this.#dialog = find(this, "dialog");
        this.listen(signIn, "ended", () => this.#show());
        this.listen(signIn, "resumed", () => this.#dialog.close());
        this.listen(find(this, "button"), "click", () => this.#dialog.close());
        this.listen(document, "visibilitychange", () => this.#look());
        this.listen(window, "storage", () => this.#look());
    }

    #show() {
        const here = location.pathname + location.search;
        find(this, "a").href = `/sign-in?next=${encodeURIComponent(here)}`;
        if (!this.#dialog.open) this.#dialog.showModal();
    }

    async #look() {
        if (!signIn.hasEnded || document.visibilityState !== "visible") return;
        const { name } = await request("/api/account").catch(() => ({}));
        if (name === this.dataset.name) signIn.resume();
        else if (name !== undefined) location.reload();
    }
}

customElements.define("signed-out", SignedOut);
