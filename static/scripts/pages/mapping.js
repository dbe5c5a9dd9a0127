import { find, setText } from "../lib/dom.js";
import { ConnectedElement } from "../lib/element.js";
import { request } from "../lib/http.js";
import { imports } from "../progress/imports.js";

/**
 * The form that says what the columns of an unknown file mean: saves that under a name, and imports the file with it.
 */
class MappingForm extends ConnectedElement {
    #header = [];

    connectedCallback() {
        super.connectedCallback();
        this.listen(this, "change", () => this.#markUsed());
        this.listen(this, "submit", (event) => {
            event.preventDefault();
            this.#save();
        });
        this.#load();
    }

    get #path() {
        return `/api/imports/${this.dataset.importId}`;
    }

    get #selects() {
        return [...this.querySelectorAll("[data-field-of]")];
    }

    async #load() {
        try {
            this.#show(await request(`${this.#path}/columns`));
        } catch (error) {
            this.#showError(error.message);
        }
    }

    #show({ header, rows, guess }) {
        this.#header = header;
        find(this, "[data-mapping-header]").replaceChildren(...header.map((name) => cell("th", name)));
        const lines = rows.map((row) => {
            const line = document.createElement("tr");
            line.replaceChildren(...row.map((text) => cell("td", text)));
            return line;
        });
        find(this, "[data-mapping-rows]").replaceChildren(...lines);
        for (const select of this.#selects) {
            select.append(...header.filter((name) => name.trim() !== "").map((name) => new Option(name, name)));
            select.value = guess[select.dataset.fieldOf] ?? "";
        }
        find(this, "[data-mapping-body]").hidden = false;
        this.#markUsed();
    }

    /** Mark the columns that are used, in the file's header. */
    #markUsed() {
        const used = new Set(this.#selects.map((select) => select.value));
        const cells = find(this, "[data-mapping-header]").children;
        for (const [index, name] of this.#header.entries()) cells[index].toggleAttribute("data-used", used.has(name));
    }

    async #save() {
        const fields = Object.fromEntries(this.#selects.filter(({ value }) => value).map((select) => [select.dataset.fieldOf, select.value]));
        const { name, severityScale, dayFirst } = Object.fromEntries(new FormData(find(this, "form")));
        const button = find(this, "[data-mapping-save]");
        button.disabled = true;
        try {
            const importId = Number(this.dataset.importId);
            await request("/api/mappings", {
                method: "POST",
                json: { name, importId, fields, severityScale, dayFirst: dayFirst === "true" },
            });
            const started = await request(`${this.#path}/retry`, { method: "POST" });
            this.#showError("");
            imports.open(started);
        } catch (error) {
            this.#showError(error.message);
            button.disabled = false;
        }
    }

    #showError(sentence) {
        setText(find(this, "[data-mapping-error-text]"), sentence);
        find(this, "[data-mapping-error]").hidden = sentence === "";
    }
}

function cell(tag, text) {
    const element = document.createElement(tag);
    element.title = text;
    setText(element, text);
    return element;
}

customElements.define("mapping-form", MappingForm);
