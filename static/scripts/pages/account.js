import "../elements/confirm-dialog.js";
import { DataElement } from "../elements/data-element.js";
import { copyOf, fill, find, setText, showTime } from "../lib/dom.js";
import { request } from "../lib/http.js";

const PATH = "/api/account";
const EVERYWHERE = {
    title: "Sign out everywhere?",
    text: "You will be signed out in every browser, including this one. Your tokens remain valid.",
    agree: "Sign out everywhere",
};

/**
 * An element that runs actions, and shows their results in `data-<name>-notice` and `data-<name>-error`.
 *
 * @abstract
 */
export class ChangingPage extends DataElement {
    connectedCallback() {
        super.connectedCallback();
        // enabled only now: before, the browser would submit the form itself
        for (const button of this.querySelectorAll("form [type=submit]")) button.disabled = false;
    }

    /** @returns {string} what its notices are marked with */
    get name() {
        throw new Error("An actions element must define the name of its notices.");
    }

    /**
     * @param {() => Promise<*>} action
     * @param {string} [done] what to say when it worked
     * @returns {Promise<*>} what the action returns; undefined when it failed and the page says so
     */
    async attempt(action, done = "") {
        this.#say("notice", "");
        this.#say("error", "");
        try {
            const answer = await action();
            this.#say("notice", done);
            return answer;
        } catch (error) {
            this.#say("error", error.detail ?? error.message);
            return undefined;
        }
    }

    #say(kind, text) {
        setText(find(this, `[data-${this.name}-${kind}-text]`), text);
        find(this, `[data-${this.name}-${kind}]`).hidden = text === "";
    }
}

/**
 * The user's own logins, tokens and password.
 */
class AccountPage extends ChangingPage {
    connectedCallback() {
        super.connectedCallback();
        this.listen(find(this, "[data-end-all]"), "click", () => this.#endAll());
        this.listen(find(this, "[data-logins]"), "click", (event) => this.#endLogin(event.target.closest("[data-end-login]")));
        this.listen(find(this, "[data-tokens]"), "click", (event) => this.#revoke(event.target.closest("[data-revoke-token]")));
        this.listen(find(this, "[data-token-form]"), "submit", (event) => this.#makeToken(event));
        const password = this.querySelector("[data-password-form]");
        if (password) this.listen(password, "submit", (event) => this.#changePassword(event));
    }

    get name() {
        return "account";
    }

    show({ logins, tokens }) {
        const login = find(this, "[data-login-template]");
        find(this, "[data-logins]").replaceChildren(...logins.map((each) => loginRow(login, each)));
        const token = find(this, "[data-token-template]");
        find(this, "[data-tokens]").replaceChildren(...tokens.map((each) => tokenRow(token, each)));
        find(this, "[data-no-tokens]").hidden = tokens.length > 0;
        this.showView("list");
    }

    async #endAll() {
        if (!(await find(document, "confirm-dialog").ask(EVERYWHERE))) return;
        const done = await this.attempt(() => request(`${PATH}/logins`, { method: "DELETE" }));
        if (done) location.assign("/sign-in");
    }

    async #endLogin(button) {
        const id = button?.closest("tr").dataset.id;
        if (!id) return;
        await this.attempt(() => request(`${PATH}/logins/${id}`, { method: "DELETE" }), "That browser was signed out.");
        this.load();
    }

    async #makeToken(event) {
        event.preventDefault();
        const form = new FormData(event.target);
        const days = form.get("days") === "" ? null : Number(form.get("days"));
        const json = { name: form.get("name"), scope: form.get("scope"), days };
        const made = await this.attempt(() => request(`${PATH}/tokens`, { method: "POST", json }));
        if (!made) return;
        setText(find(this, "[data-new-token-text]"), made.token);
        find(this, "[data-new-token]").hidden = false;
        event.target.reset();
        this.load();
    }

    async #revoke(button) {
        const row = button?.closest("tr");
        if (!row) return;
        const name = find(row, '[data-field="name"]').textContent;
        const text = `Programs that use ${name} will be refused.`;
        if (!(await find(document, "confirm-dialog").ask({ title: "Revoke this token?", text, agree: "Revoke" }))) return;
        await this.attempt(() => request(`${PATH}/tokens/${row.dataset.id}`, { method: "DELETE" }), `${name} was revoked.`);
        find(this, "[data-new-token]").hidden = true;
        this.load();
    }

    async #changePassword(event) {
        event.preventDefault();
        const form = new FormData(event.target);
        const json = { current: form.get("current"), password: form.get("password") };
        const done = await this.attempt(() => request(`${PATH}/password`, { method: "POST", json }), "The password was changed.");
        if (!done) return;
        event.target.reset();
        this.load();
    }
}

/** What browsers and systems are called, by what only they say of themselves; the first that fits is right. */
const BROWSERS = [["Edg/", "Edge"], ["OPR/", "Opera"], ["Firefox/", "Firefox"], ["Chrome/", "Chrome"], ["Safari/", "Safari"]];
const SYSTEMS = [["Windows", "Windows"], ["Android", "Android"], ["iPhone", "iPhone"], ["iPad", "iPad"], ["Mac OS X", "macOS"], ["Linux", "Linux"]];

/** Such as `Firefox on Windows`; what is neither is named as it names itself. */
function browserOf(agent) {
    const [browser, system] = [BROWSERS, SYSTEMS].map((names) => names.find(([mark]) => agent?.includes(mark))?.[1]);
    if (!browser) return agent || "Unknown";
    return system ? `${browser} on ${system}` : browser;
}

function loginRow(template, login) {
    const row = copyOf(template);
    row.dataset.id = login.id;
    const browser = browserOf(login.agent);
    fill(row, { agent: login.current ? `This browser: ${browser}` : browser, address: login.address });
    find(row, '[data-field="agent"]').title = login.agent;
    showTime(find(row, "[data-created]"), login.createdAt);
    showTime(find(row, "[data-seen]"), login.seenAt);
    find(row, "[data-end-login]").hidden = login.current;
    return row;
}

function tokenRow(template, token) {
    const row = copyOf(template);
    row.dataset.id = token.id;
    fill(row, { name: token.name, scope: token.scope });
    showTime(find(row, "[data-created]"), token.createdAt);
    showInstant(find(row, "[data-used]"), token.usedAt, "never");
    showInstant(find(row, "[data-expires]"), token.expiresAt, "never");
    return row;
}

/**
 * Show an instant that may be in the future or missing.
 *
 * @param {HTMLTimeElement} element
 * @param {?number} ms since the epoch
 * @param {string} otherwise what to say without one
 */
function showInstant(element, ms, otherwise) {
    if (ms === null) setText(element, otherwise);
    else if (ms <= Date.now()) showTime(element, ms);
    else setText(element, new Date(ms).toISOString().slice(0, 10));
}

customElements.define("account-page", AccountPage);
