import "../elements/confirm-dialog.js";
import { copyOf, debounced, find, setItems, setText } from "../lib/dom.js";
import { ConnectedElement } from "../lib/element.js";
import { count, counted, score } from "../lib/format.js";
import { request } from "../lib/http.js";
import { imports } from "../progress/imports.js";

const PATH = "/api/mappings";
const TRY_AFTER_MS = 300;
/** So many different values of a column are shown beside its name. */
const SAMPLES = 3;
const STATES = { open: "Open", resolved: "Resolved", reopened: "Reopened", "no-verdict": "Stays as it was" };

/**
 * The form that maps the columns of a file and their values. Each change is tried on the file, so that the resulting findings are visible
 * before it is saved.
 */
class MappingForm extends ConnectedElement {
    #file;
    #columns = [];
    #meanings = { severity: {}, state: {} };
    #tried = null;
    #trying = null;

    connectedCallback() {
        super.connectedCallback();
        const tryLater = debounced(() => this.#try(), TRY_AFTER_MS);
        this.listen(this, "change", (event) => {
            if (event.target.matches("[data-values-of] select")) this.#noteMeaning(event.target);
            if (event.target.matches("select")) this.#showChoices();
            if (event.target.matches("select")) tryLater();
        });
        this.listen(this, "submit", (event) => {
            event.preventDefault();
            this.#save();
        });
        this.#load();
    }

    disconnectedCallback() {
        super.disconnectedCallback();
        this.#trying?.abort();
    }

    /** Which file the mapping is about: that of an import, or what the mapping itself has stored of one. */
    get #about() {
        const { importId, mappingId } = this.dataset;
        return importId ? { importId: Number(importId) } : { mappingId: Number(mappingId) };
    }

    async #load() {
        const { importId, mappingId } = this.dataset;
        try {
            this.#file = await request(importId ? `/api/imports/${importId}/columns` : `${PATH}/${mappingId}/columns`);
        } catch (error) {
            this.#say("error", error.message);
            return;
        }
        this.#drawColumns();
        this.#showChoices();
        await this.#try();
        find(this, "[data-mapping-body]").hidden = false;
    }

    // The choices

    #drawColumns() {
        const { header, rows, guess, mapping } = this.#file;
        const chosen = choicesOf(mapping?.fields ?? guess);
        const template = find(this, "[data-mapping-column]");
        const names = header.map((name) => name.trim());
        this.#columns = names.flatMap((name, place) => {
            if (name === "" || names.findIndex((other) => spelled(other) === spelled(name)) < place) return [];
            const row = columnRow(template, place, name, rows.map((cells) => cells[place] ?? ""));
            find(row, "select").value = chosen.get(spelled(name)) ?? "";
            return [{ name, row }];
        });
        find(this, "[data-mapping-columns]").replaceChildren(...this.#columns.map(({ row }) => row));
        if (!mapping) return;
        for (const [field, words] of Object.entries(mapping.meanings)) this.#meanings[field] = { ...words };
        find(this, "#severity-scale").value = mapping.severityScale;
        find(this, "#day-first").value = String(mapping.dayFirst);
    }

    /** @returns {Record<string, string[]>} the columns that are chosen for each field */
    get #fields() {
        const fields = {};
        for (const { name, row } of this.#columns) {
            const field = find(row, "select").value;
            if (field) (fields[field] ??= []).push(name);
        }
        return fields;
    }

    get #described() {
        const fields = this.#fields;
        const { severity, state } = this.#meanings;
        return {
            fields,
            meanings: { severity, ...(fields.state && { state }) },
            severityScale: find(this, "#severity-scale").value,
            dayFirst: find(this, "#day-first").value === "true",
        };
    }

    /** @returns {Map<string, string>} column -> the column that is already what is chosen for it */
    get #twice() {
        const clashes = new Map();
        for (const [field, [first, ...others]] of Object.entries(this.#fields)) {
            if (this.#file.several.includes(field)) continue;
            for (const other of others) clashes.set(other, first);
        }
        return clashes;
    }

    get #missing() {
        const fields = this.#fields;
        return Object.entries(this.#file.essential).flatMap(([meaning, choices]) => (choices.some((field) => fields[field]) ? [] : [meaning]));
    }

    /** Show what is required, what of that is missing, and which columns are wrong. */
    #showChoices() {
        const fields = this.#fields;
        const missing = this.#missing;
        setText(find(this, "[data-mapping-missing]"), missing.length > 0 ? `Still missing: ${missing.join(", ")}.` : "All required fields are mapped.");
        const template = find(this, "[data-mapping-need]");
        const needs = Object.entries(this.#file.essential).map(([meaning, choices]) => {
            const need = copyOf(template);
            const columns = choices.flatMap((field) => fields[field] ?? []);
            need.toggleAttribute("data-missing", columns.length === 0);
            setText(find(need, "[data-need-name]"), titled(meaning));
            setText(find(need, "[data-need-column]"), columns.join(", ") || "missing");
            return need;
        });
        find(this, "[data-mapping-needs]").replaceChildren(...needs);
        this.#showErrors();
    }

    /** Show beside each column why it cannot be chosen so, or why rows are rejected for it. */
    #showErrors() {
        const twice = this.#twice;
        for (const { name, row } of this.#columns) {
            const select = find(row, "select");
            const reasons = (this.#tried?.errors ?? []).filter(({ column }) => column.trim() === name);
            const first = twice.get(name);
            const sentence = first ? `${select.selectedOptions[0].label} is already mapped to the column ${first}.` : reasons.map(rejection).join(" ");
            setText(find(row, "[data-column-error]"), sentence);
            select.setAttribute("aria-invalid", String(sentence !== ""));
            row.toggleAttribute("data-used", select.value !== "");
        }
    }

    #noteMeaning(select) {
        const { field, word, usual } = select.dataset;
        const words = this.#meanings[field];
        delete words[word];
        if (select.value !== (usual ?? "")) words[word] = select.value;
    }

    // The result

    /** Try what is chosen; only the newest answer counts. */
    async #try() {
        this.#trying?.abort();
        if (this.#twice.size > 0) return;
        this.#trying = new AbortController();
        const result = find(this, "[data-mapping-result]");
        result.setAttribute("aria-busy", "true");
        try {
            const json = { ...this.#about, ...this.#described };
            this.#tried = await request(`${PATH}/try`, { method: "POST", json, signal: this.#trying.signal });
            this.#showTried();
        } catch (error) {
            if (error.name === "AbortError") return;
            this.#say("error", error.message);
        }
        result.setAttribute("aria-busy", "false");
    }

    #showTried() {
        this.#say("error", "");
        this.#showErrors();
        for (const section of this.querySelectorAll("[data-values-of]")) {
            this.#showValues(section, this.#tried.values[section.dataset.valuesOf]);
        }
        setText(find(this, "[data-mapping-counts]"), outcome(this.#tried));
        const template = find(this, "[data-mapping-example]");
        const used = this.#columns.filter(({ row }) => find(row, "select").value !== "").map(({ name }) => name);
        const places = used.map((name) => [name, this.#file.header.findIndex((column) => column.trim() === name)]);
        find(this, "[data-mapping-examples]").replaceChildren(...this.#tried.rows.map((row) => exampleItem(template, row, places)));
    }

    /** The selects stay where they are while their values do, so that none loses the focus. */
    #showValues(section, values) {
        section.hidden = values === null;
        if (values === null) return;
        setText(find(section, "[data-values-column]"), values.column);
        find(section, "[data-values-more]").hidden = !values.more;
        const list = find(section, "[data-values-list]");
        const before = Array.from(list.children, (item) => item.dataset.key);
        const keys = values.values.map(({ word, usual }) => `${usual ?? ""}/${word}`);
        if (before.length !== keys.length || before.some((key, index) => key !== keys[index])) {
            const template = find(section, "template");
            list.replaceChildren(...values.values.map((value, index) => valueItem(template, section.dataset.valuesOf, value, keys[index])));
        }
        for (const [index, { meaning, rows }] of values.values.entries()) {
            const item = list.children[index];
            find(item, "select").value = meaning ?? "";
            item.toggleAttribute("data-rejected", meaning === null);
            setText(find(item, "[data-value-rows]"), rows > 0 ? counted(rows, "row") : "in no row");
        }
    }

    // Saving

    async #save() {
        const name = find(this, "#mapping-name");
        this.#say("notice", "");
        this.#showNameError(name.value.trim() === "" ? "Enter a name for the scanner." : "");
        if (name.value.trim() === "") return;
        const [missing] = this.#missing;
        if (missing !== undefined) {
            this.#say("error", `No column is mapped to ${missing}.`);
            return;
        }
        const [twice] = this.#twice.keys();
        if (twice !== undefined) {
            find(this.#columns.find((column) => column.name === twice).row, "select").focus();
            return;
        }
        const button = find(this, "[data-mapping-save]");
        button.disabled = true;
        try {
            button.disabled = await this.#send({ name: name.value, ...this.#about, ...this.#described });
        } catch (error) {
            button.disabled = false;
            if (error.code === "NAME_IN_USE") this.#showNameError(error.message);
            else this.#say("error", error.message);
        }
    }

    /** @returns {Promise<boolean>} whether the file is being imported */
    async #send(json) {
        const { mappingId, importId } = this.dataset;
        if (mappingId) await request(`${PATH}/${mappingId}`, { method: "PUT", json });
        else await this.#make(json);
        this.#say("error", "");
        const isImported = this.hasAttribute("data-imports");
        if (isImported) imports.open(await request(`/api/imports/${importId}/retry`, { method: "POST" }));
        else this.#say("notice", "The mapping was saved. It applies from the next import on.");
        return isImported;
    }

    /** Make a mapping, or let the one of this name read files with these columns, if that is wanted. */
    async #make(json) {
        try {
            await request(PATH, { method: "POST", json });
        } catch (error) {
            if (error.code !== "NAME_IN_USE") throw error;
            const { data } = await request(PATH);
            const same = data.find(({ name }) => name === json.name.trim().replace(/\s+/g, " "));
            const text = "It currently applies to files with other columns. From now on it will apply only to files with the columns of this one. The source of its findings stays the same.";
            const question = { title: `Replace the mapping ${json.name}?`, text, agree: "Replace" };
            if (!same || !(await find(document, "confirm-dialog").ask(question))) throw error;
            await request(`${PATH}/${same.id}`, { method: "PUT", json });
        }
    }

    #showNameError(sentence) {
        const name = find(this, "#mapping-name");
        setText(find(this, "[data-mapping-name-error]"), sentence);
        name.setAttribute("aria-invalid", String(sentence !== ""));
        if (sentence !== "") name.focus();
    }

    #say(kind, sentence) {
        const note = find(this, `[data-mapping-${kind}]`);
        setText(find(this, `[data-mapping-${kind}-text]`), sentence);
        note.hidden = sentence === "";
        if (sentence !== "") note.scrollIntoView({ block: "nearest" });
    }
}

/** `the host` as a label: `Host`. */
function titled(meaning) {
    const name = meaning.replace(/^the /, "");
    return name[0].toUpperCase() + name.slice(1);
}

/** How a name of a column is compared: as the server does. */
function spelled(name) {
    return name.trim().replace(/\s+/g, " ").toLowerCase();
}

/**
 * @param {Record<string, string | string[]>} fields to columns
 * @returns {Map<string, string>} column, as it is compared -> its field
 */
function choicesOf(fields) {
    return new Map(Object.entries(fields).flatMap(([field, columns]) => [columns].flat().map((column) => [spelled(column), field])));
}

function columnRow(template, place, name, cells) {
    const row = copyOf(template);
    const select = find(row, "select");
    const error = find(row, "[data-column-error]");
    const label = find(row, "[data-column-name]");
    select.id = label.htmlFor = `column-${place}`;
    error.id = `column-${place}-error`;
    select.setAttribute("aria-describedby", error.id);
    setText(label, name);
    const samples = [...new Set(cells.map((cell) => cell.trim()).filter((cell) => cell !== ""))];
    setText(find(row, "[data-column-sample]"), samples.slice(0, SAMPLES).join(" · ") || "–");
    return row;
}

function valueItem(template, field, { word, value, usual }, key) {
    const item = copyOf(template);
    const select = find(item, "select");
    item.dataset.key = key;
    Object.assign(select.dataset, { field, word, ...(usual && { usual }) });
    if (usual !== null) select.options[0].remove();
    setText(find(item, "[data-value-name]"), value === "" ? "(empty)" : value);
    select.setAttribute("aria-label", `${value === "" ? "An empty cell" : value} means`);
    return item;
}

/** One of the first rows of the file, and what becomes of it. */
function exampleItem(template, row, places) {
    const item = copyOf(template);
    const cells = places.flatMap(([name, place]) => {
        const [term, text] = [document.createElement("dt"), document.createElement("dd")];
        setText(term, name);
        setText(text, row.cells[place] || "–");
        return [term, text];
    });
    find(item, "[data-example-cells]").replaceChildren(...cells);
    const rejected = row.errors.length > 0;
    find(item, "[data-example-finding]").hidden = rejected;
    find(item, "[data-example-errors]").hidden = !rejected;
    setItems(find(item, "[data-example-errors] ul"), row.errors.map(({ column, value, reason }) => [column && `${column}${value && ` “${value}”`}:`, reason].filter(Boolean).join(" ")));
    if (rejected) return item;
    const severity = find(item, "[data-example-severity]");
    severity.dataset.severity = row.severity;
    setText(severity, row.severity);
    const state = find(item, "[data-example-state]");
    state.dataset.state = row.state;
    setText(state, STATES[row.state]);
    setText(find(item, "[data-example-title]"), row.title ?? row.pluginId);
    setText(find(item, "[data-example-facts]"), facts(row).join(" · "));
    return item;
}

/** @returns {string[]} what else the finding of a row has */
function facts({ host, ip, port, protocol, cvss, vpr, pluginId, title, firstSeen, lastSeen }) {
    return [
        host,
        ip !== host && ip,
        port > 0 && `${port}${protocol && `/${protocol}`}`,
        pluginId !== title && pluginId,
        cvss !== null && `CVSS ${score(cvss)}`,
        vpr !== null && `VPR ${score(vpr)}`,
        firstSeen && `first seen ${firstSeen}`,
        lastSeen && `last seen ${lastSeen}`,
    ].filter(Boolean);
}

/** Why rows are rejected for a column, in a sentence. */
function rejection({ reason, rows, line, value }) {
    return `${counted(rows, "row")} rejected, the first on line ${count(line)}${value && ` (“${value}”)`}: ${reason}`;
}

/** What came of all rows that were tried. */
function outcome({ missing, trouble, counts, wholeFile }) {
    if (missing.length > 0) return "The result is shown once all required fields are mapped.";
    if (trouble) return trouble;
    if (counts.rows === 0) return "The file has no rows to try the mapping on.";
    const parts = [
        counted(counts.findings, "finding"),
        counts.merged > 0 && `${count(counts.merged)} merged`,
        counts.blank > 0 && `${count(counts.blank)} blank`,
        counts.rejected > 0 && `${count(counts.rejected)} rejected`,
    ].filter(Boolean);
    return `${wholeFile ? "" : "The first "}${counted(counts.rows, "row")} tried: ${parts.join(", ")}.`;
}

customElements.define("mapping-form", MappingForm);
