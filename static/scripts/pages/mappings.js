import { copyOf, fill, find, setText, showTime } from "../lib/dom.js";
import { count } from "../lib/format.js";
import { request } from "../lib/http.js";
import { ChangingPage } from "./account.js";

const PATH = "/api/mappings";

/**
 * The list of mappings.
 */
class MappingsPage extends ChangingPage {
    connectedCallback() {
        super.connectedCallback();
        this.listen(find(this, "[data-mapping-list]"), "click", (event) => this.#delete(event.target.closest("[data-mapping-delete]")));
    }

    get name() {
        return "mappings";
    }

    show({ data }) {
        const template = find(this, "template");
        this.showList("[data-mapping-list]", data.map((mapping) => mappingRow(template, mapping)));
    }

    async #delete(button) {
        if (!button) return;
        const { id, name } = button.closest("tr").dataset;
        const text = `Files with these columns will no longer be recognised. Findings that were imported with it stay, under the name ${name}.`;
        if (!(await find(document, "confirm-dialog").ask({ title: `Delete the mapping ${name}?`, text, agree: "Delete" }))) return;
        await this.attempt(() => request(`${PATH}/${id}`, { method: "DELETE" }), `The mapping ${name} was deleted.`);
        await this.load();
    }
}

function mappingRow(template, mapping) {
    const row = copyOf(template);
    Object.assign(row.dataset, { id: mapping.id, name: mapping.name });
    fill(row, { name: mapping.name, columns: `Reads files with ${count(mapping.columns)} columns` });
    showTime(find(row, "time"), mapping.createdAt);
    const imports = find(row, "[data-mapping-import]");
    setText(imports, count(mapping.imports));
    if (mapping.lastImportId !== null) {
        imports.href = `/imports/${mapping.lastImportId}`;
        imports.setAttribute("aria-label", `${count(mapping.imports)}: the latest import by ${mapping.name}`);
    }
    const edit = find(row, "[data-mapping-edit]");
    edit.href = `/mappings/${mapping.id}`;
    for (const control of [edit, find(row, "[data-mapping-delete]")]) {
        control.setAttribute("aria-label", `${control.textContent.trim()} ${mapping.name}`);
    }
    return row;
}

customElements.define("mappings-page", MappingsPage);
