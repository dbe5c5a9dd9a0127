import { debug } from "../lib/debug.js";
import { find } from "../lib/dom.js";
import { ConnectedElement } from "../lib/element.js";
import { request } from "../lib/http.js";

/** A choice among the sources around a `<select>` that has the one for all of them. */
class SourceSelect extends ConnectedElement {
    async connectedCallback() {
        super.connectedCallback();
        const select = find(this, "select");
        try {
            const { data } = await request("/api/sources", { signal: this.signal });
            const { value } = select;
            const unlisted = value && !data.some((source) => String(source.sourceId) === value) ? [select.selectedOptions[0]] : []; // without scans
            select.replaceChildren(
                select.options[0],
                ...data.map((source) => new Option([source.scannerName, source.source].filter(Boolean).join(" · "), source.sourceId)),
                ...unlisted,
            );
            select.value = value;
        } catch (error) {
            debug("no sources:", error.message); // the element that uses the source shows the error
        }
    }
}

customElements.define("source-select", SourceSelect);
