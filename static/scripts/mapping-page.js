import { request } from "./shared/api.js";
import { find, setText } from "./shared/dom.js";

/**
 * Says what the columns of an unknown file mean, saves that under a name, and imports the file with it.
 */
export class MappingPage {
    #form;
    #runs;
    #header = [];
    #onChange = () => this.#markUsed();
    #onSubmit = (event) => {
        event.preventDefault();
        this.#save();
    };

    /**
     * @param {HTMLFormElement} form
     * @param {{runs: import("./shared/import-runs.js").ImportRuns}} page
     */
    constructor(form, { runs }) {
        this.#form = form;
        this.#runs = runs;
    }

    start() {
        this.#form.addEventListener("change", this.#onChange);
        this.#form.addEventListener("submit", this.#onSubmit);
        this.#load();
    }

    stop() {
        this.#form.removeEventListener("change", this.#onChange);
        this.#form.removeEventListener("submit", this.#onSubmit);
    }

    get #path() {
        return `/api/imports/${this.#form.dataset.importId}`;
    }

    get #selects() {
        return [...this.#form.querySelectorAll("[data-field-of]")];
    }

    async #load() {
        try {
            this.#show(await request(`${this.#path}/columns`));
        } catch (error) {
            this.#complain(error.message);
        }
    }

    #show({ header, rows, guess }) {
        this.#header = header;
        find(this.#form, "[data-mapping-header]").replaceChildren(...header.map((name) => cell("th", name)));
        const lines = rows.map((row) => {
            const line = document.createElement("tr");
            line.replaceChildren(...row.map((text) => cell("td", text)));
            return line;
        });
        find(this.#form, "[data-mapping-rows]").replaceChildren(...lines);
        for (const select of this.#selects) {
            select.append(...header.filter((name) => name.trim() !== "").map((name) => new Option(name, name)));
            select.value = guess[select.dataset.fieldOf] ?? "";
        }
        find(this.#form, "[data-mapping-body]").hidden = false;
        this.#markUsed();
    }

    /** Which columns are taken shows in the file's header. */
    #markUsed() {
        const used = new Set(this.#selects.map((select) => select.value));
        const cells = find(this.#form, "[data-mapping-header]").children;
        for (const [index, name] of this.#header.entries()) cells[index].toggleAttribute("data-used", used.has(name));
    }

    async #save() {
        const fields = Object.fromEntries(this.#selects.filter(({ value }) => value).map((select) => [select.dataset.fieldOf, select.value]));
        const { name, severityScale, dayFirst } = Object.fromEntries(new FormData(this.#form));
        const button = find(this.#form, "[data-mapping-save]");
        button.disabled = true;
        try {
            const importId = Number(this.#form.dataset.importId);
            await request("/api/mappings", {
                method: "POST",
                json: { name, importId, fields, severityScale, dayFirst: dayFirst === "true" },
            });
            const started = await request(`${this.#path}/retry`, { method: "POST" });
            this.#complain("");
            this.#runs.open(started);
        } catch (error) {
            this.#complain(error.message);
            button.disabled = false;
        }
    }

    #complain(sentence) {
        setText(find(this.#form, "[data-mapping-error-text]"), sentence);
        find(this.#form, "[data-mapping-error]").hidden = sentence === "";
    }
}

function cell(tag, text) {
    const element = document.createElement(tag);
    element.title = text;
    setText(element, text);
    return element;
}
