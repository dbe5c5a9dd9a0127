import { copyOf, fill, find, setText } from "../lib/dom.js";
import { ConnectedElement } from "../lib/element.js";
import { bytes, count, counted } from "../lib/format.js";
import { imports } from "./imports.js";
import { facts, recognise } from "./recognition.js";

/**
 * A chosen file, and what was recognised.
 *
 * @typedef {object} Entry
 * @property {File} file
 * @property {HTMLElement} item its row
 * @property {"looking" | "recognised" | "unread" | "refused"} state `unread` if the request failed: the file can still be imported
 * @property {object | null} recognised the server's response
 * @property {{code: string, detail: string} | null} problem why it cannot be imported, or was not recognised
 */

/**
 * The dialog that shows what was recognised in the chosen files, with the options of their import. Nothing starts before its button is
 * pressed. Files are chosen in a form, or dropped anywhere on a page.
 *
 * `data-max-bytes` is the largest upload that the server accepts.
 */
class ImportSheet extends ConnectedElement {
    #dialog;
    #form;
    #depth = 0; // dragenter events without dragleave; both fire for every element that the pointer crosses
    /** @type {Entry[]} */
    #entries = [];
    #looking = null; // a promise that resolves when all files chosen so far have been recognised or refused
    #session = new AbortController();

    connectedCallback() {
        super.connectedCallback();
        this.#dialog = find(this, "dialog");
        this.#form = find(this, "form");
        this.listen(this.#form, "submit", (event) => {
            event.preventDefault();
            this.#import();
        });
        this.listen(this.#form, "input", () => this.#draw());
        for (const name of ["close", "cancel"]) this.listen(this.#part(name), "click", () => this.#dialog.close());
        this.listen(this.#part("another"), "click", () => this.browse());
        this.listen(this.#dialog, "close", () => !this.#dialog.open && this.#forget()); // it may be open again by then
        this.listen(this.#part("files"), "click", (event) => this.#clicked(event.target.closest("button")));
        const input = this.#part("browse");
        this.listen(input, "change", () => {
            this.choose([...input.files]);
            input.value = ""; // so that choosing the same file again fires a change event
        });
        this.listen(document, "dragenter", (event) => this.#hover(event, 1));
        this.listen(document, "dragleave", (event) => this.#hover(event, -1));
        this.listen(document, "dragover", (event) => carriesFiles(event) && event.preventDefault());
        this.listen(document, "drop", (event) => this.#drop(event));
    }

    disconnectedCallback() {
        super.disconnectedCallback();
        this.#forget();
    }

    /** Open the file picker. */
    browse() {
        this.#part("browse").click();
    }

    /**
     * Add files; those that are already shown stay, except for refused ones.
     *
     * @param {File[]} files
     */
    choose(files) {
        if (files.length === 0) return;
        if (!this.#dialog.open) this.#forget();
        for (const entry of this.#entries.filter(({ state }) => state === "refused")) this.#remove(entry);
        for (const file of files) this.#add(file);
        this.#draw();
        if (!this.#dialog.open) {
            this.#dialog.showModal();
            this.#part("title").focus();
        }
        this.#looking = this.#look(this.#looking, this.#session.signal);
    }

    #part(name) {
        return find(this, `[data-sheet-${name}]`);
    }

    #hover(event, change) {
        if (!carriesFiles(event)) return;
        event.preventDefault();
        this.#depth = Math.max(0, this.#depth + change);
        this.#showTarget(this.#depth > 0);
    }

    #drop(event) {
        if (!carriesFiles(event)) return;
        event.preventDefault();
        this.#depth = 0;
        this.#showTarget(false);
        this.choose([...event.dataTransfer.files]);
    }

    #showTarget(shown) {
        this.toggleAttribute("data-dragging", shown);
        this.#part("target").togglePopover?.(shown); // shown above an open dialog
    }

    #add(file) {
        const item = copyOf(find(this, "template"));
        const problem = this.#refusal(file);
        const entry = { file, item, state: problem ? "refused" : "looking", recognised: null, problem };
        fill(item, { name: file.name, size: bytes(file.size), remove: `Leave out ${file.name}` });
        this.#part("files").append(item);
        this.#entries.push(entry);
    }

    #remove(entry) {
        this.#entries = this.#entries.filter((other) => other !== entry);
        entry.item.remove();
    }

    /** Why a file is refused without asking the server; null if it is not. */
    #refusal({ size }) {
        if (size === 0) return { code: "EMPTY", detail: "The file is empty." };
        const maxBytes = Number(this.dataset.maxBytes);
        if (maxBytes > 0 && size > maxBytes) {
            return { code: "TOO_LARGE", detail: `The file is too large: it has ${bytes(size)}, and this server accepts at most ${bytes(maxBytes)}.` };
        }
        return null;
    }

    /** Recognise one file after another, and announce the result at the end. */
    async #look(before, signal) {
        await before;
        for (const entry of this.#entries.filter(({ state }) => state === "looking")) {
            try {
                const answer = await recognise(entry.file, signal);
                Object.assign(entry, answer.recognised ? { state: "recognised", recognised: answer } : { state: "refused", problem: answer.error });
            } catch (error) {
                if (signal.aborted) return;
                Object.assign(entry, { state: error.code === "UNREADABLE" ? "refused" : "unread", problem: error });
            }
            this.#draw();
        }
        if (this.#entries.length > 0) this.#looked();
    }

    /** Move the focus to the button, unless the user has moved it, and announce the result to screen readers. */
    #looked() {
        const texts = this.#entries.map(({ file, state, recognised, problem }) => `${file.name}: ${state === "recognised" ? recognised.scannerName : problem.detail}`);
        setText(this.#part("status"), texts.join(" "));
        if (document.activeElement !== this.#part("title")) return;
        const next = ["import", "another"].map((name) => this.#part(name)).find((button) => !button.disabled && !button.hidden);
        next?.focus();
    }

    #clicked(button) {
        const entry = this.#entries.find(({ item }) => item.contains(button));
        if (entry === undefined) return;
        if (button.matches("[data-sheet-map]")) this.#map(entry);
        if (!button.matches("[data-sheet-remove]")) return;
        this.#remove(entry);
        if (this.#entries.length === 0) this.#dialog.close();
        else this.#part("title").focus();
        this.#draw();
    }

    #draw() {
        const options = Object.fromEntries(new FormData(this.#form));
        const chosen = { label: options.source.split(/\s+/).filter(Boolean).join(" "), scanDate: options.scanDate };
        for (const entry of this.#entries) drawEntry(entry, chosen, this.#entries.length > 1);
        const ready = this.#entries.filter(isReady);
        const isLooking = this.#entries.some(({ state }) => state === "looking");
        setText(this.#part("title"), this.#entries.length === 1 ? "Import this file?" : `Import ${count(this.#entries.length)} files?`);
        const button = this.#part("import");
        button.disabled = isLooking || ready.length === 0;
        button.hidden = !isLooking && ready.length === 0;
        setText(button, this.#entries.length === 1 || ready.length === 0 ? "Import" : `Import ${counted(ready.length, "file")}`);
        this.#part("another").hidden = !button.hidden;
        this.#part("options").hidden = button.hidden && !this.#entries.some(isMappable);
        setText(this.#part("aside"), this.#aside(ready));
        const labels = new Set(ready.flatMap(({ recognised }) => recognised?.sources ?? []));
        this.#part("labels").replaceChildren(...[...labels].filter(Boolean).map((label) => new Option(label, label)));
    }

    #aside(ready) {
        const refused = this.#entries.filter(({ state }) => state === "refused").length;
        if (ready.length > 0 && refused > 0) return `${counted(refused, "file")} cannot be imported and will be left out.`;
        return ready.length > 1 ? "The options apply to all files; the oldest is imported first." : "";
    }

    #import() {
        const files = this.#entries.filter(isReady).map(({ file }) => file);
        if (files.length === 0 || this.#part("import").disabled) return;
        const fields = this.#fields();
        this.#dialog.close();
        imports.upload(files, () => formOf(fields));
    }

    /** Import a file that cannot be recognised: this fails without changing anything, and then its columns can be mapped. */
    #map({ file }) {
        const fields = this.#fields();
        this.#dialog.close();
        const [run] = imports.upload([file], () => formOf(fields));
        run.addEventListener("change", () => {
            if (run.view.error?.code !== "UNKNOWN_FORMAT" || run.view.importId === null) return;
            const page = `/imports/${run.view.importId}/mapping`;
            imports.dismiss(run.sessionId);
            location.assign(page);
        });
    }

    #fields() {
        return [...new FormData(this.#form)].filter(([, value]) => value !== "");
    }

    /** Reset the options, which apply to these files only. */
    #forget() {
        this.#session.abort();
        this.#session = new AbortController();
        this.#looking = null;
        for (const entry of this.#entries) this.#remove(entry);
        this.#form.reset();
        setText(this.#part("status"), "");
    }
}

const isReady = ({ state }) => state === "recognised" || state === "unread";
const isMappable = ({ problem }) => problem?.code === "UNKNOWN_FORMAT";

/**
 * @param {Entry} entry
 * @param {{label: string, scanDate: string}} chosen
 * @param {boolean} removable
 */
function drawEntry({ item, state, recognised, problem }, chosen, removable) {
    item.dataset.state = state;
    const unread = state === "unread" ? "The file could not be checked, but you can still import it. " : "";
    setText(find(item, '[data-field="problem"]'), state === "looking" ? "Reading the file…" : problem ? `${unread}${problem.detail}` : "");
    find(item, "dl").hidden = recognised === null;
    for (const [name, text] of Object.entries(recognised ? facts(recognised, chosen) : {})) {
        const line = find(item, `[data-fact="${name}"]`);
        line.hidden = text === "";
        setText(find(line, "dd"), text);
    }
    find(item, "[data-sheet-map]").hidden = !isMappable({ problem });
    find(item, "[data-sheet-remove]").hidden = !removable;
}

function formOf(fields) {
    const form = new FormData();
    for (const [name, value] of fields) form.append(name, value);
    return form;
}

function carriesFiles(event) {
    return event.dataTransfer?.types.includes("Files") ?? false;
}

customElements.define("import-sheet", ImportSheet);
