import { copyOf, fill, find, setText, showTime } from "../lib/dom.js";
import { request } from "../lib/http.js";
import { ChangingPage } from "./account.js";

const PATH = "/api/users";
const PROVIDERS = { local: "", proxy: "signs in with the proxy", oidc: "signs in with the provider" };

/**
 * The users, who may sign in.
 */
class UsersPage extends ChangingPage {
    connectedCallback() {
        super.connectedCallback();
        const rows = find(this, "[data-user-rows]");
        this.listen(rows, "change", (event) => this.#change(event.target, { role: event.target.value }));
        this.listen(rows, "click", (event) => this.#toggle(event.target.closest("[data-user-toggle]")));
        this.listen(find(this, "[data-user-form]"), "submit", (event) => this.#add(event));
    }

    get name() {
        return "users";
    }

    show({ data }) {
        const template = find(this, "template");
        this.showList("[data-user-rows]", data.map((user) => userRow(template, user)));
    }

    async #add(event) {
        event.preventDefault();
        const json = Object.fromEntries(new FormData(event.target));
        const added = await this.attempt(() => request(PATH, { method: "POST", json }), `${json.name} may now sign in.`);
        if (added) event.target.reset();
        this.load();
    }

    async #toggle(button) {
        if (!button) return;
        const disable = button.closest("tr").dataset.disabled === "false";
        const name = find(button.closest("tr"), '[data-field="name"]').textContent;
        const text = `${name} will be signed out everywhere, and the tokens of ${name} will be refused.`;
        if (disable && !(await find(document, "confirm-dialog").ask({ title: "Disable this user?", text, agree: "Disable" }))) return;
        await this.#change(button, { disabled: disable });
    }

    async #change(control, json) {
        const id = control.closest("tr").dataset.id;
        await this.attempt(() => request(`${PATH}/${id}`, { method: "PATCH", json }), "The user was changed.");
        this.load();
    }
}

function stateOf(user) {
    if (user.disabled) return "disabled";
    return user.withoutRole ? "no role in any group" : "may sign in";
}

function userRow(template, user) {
    const row = copyOf(template);
    row.dataset.id = user.id;
    row.dataset.disabled = user.disabled;
    fill(row, { name: user.name, provider: PROVIDERS[user.provider] ?? "", state: stateOf(user) });
    const role = find(row, "[data-user-role]");
    role.value = user.role;
    role.setAttribute("aria-label", `Role of ${user.name}`);
    if (user.seenAt === null) setText(find(row, "time"), "never");
    else showTime(find(row, "time"), user.seenAt);
    const toggle = find(row, "[data-user-toggle]");
    setText(toggle, user.disabled ? "Enable" : "Disable");
    toggle.setAttribute("aria-label", `${toggle.textContent} ${user.name}`);
    return row;
}

customElements.define("users-page", UsersPage);
