import "../elements/confirm-dialog.js";
import { DataElement } from "../elements/data-element.js";
import { changedFindings, countsChanges, cvePage, hostNamed, importPage } from "../elements/links.js";
import { copyOf, find, linkTo, setItems, setText } from "../lib/dom.js";
import { count } from "../lib/format.js";
import { request } from "../lib/http.js";
import { newUuid } from "../lib/uuid.js";
import { ProgressFollower } from "../progress/follower.js";
import "../progress/import-answers.js";
import { STATES, deletion, facts, hasEnded, isDeletable, leftOut, question, reading, reasons, rest, shownState, timeTaken, whatUndoReverts } from "../progress/import-texts.js";
import { imports } from "../progress/imports.js";
import { WebSocketClient } from "../progress/websocket-client.js";

const REFRESH_MS = 3_000;

/**
 * One import: its figures, what it changed, and the actions that are possible.
 */
class ImportPage extends DataElement {
    #answers;
    #importData = null;
    #busy = false;
    #timer = null;

    connectedCallback() {
        super.connectedCallback();
        this.#answers = find(this, "import-answers");
        this.#answers.answer = (answer) => this.#answer("confirm", answer);
        this.listen(this.#part("open"), "click", () => imports.open(this.#importData));
        this.listen(this.#part("undo"), "click", () => this.#undo());
        this.listen(this.#part("retry"), "click", () => this.#retry());
        this.listen(this.#part("delete"), "click", () => this.#delete());
        this.listen(this.#part("confirm"), "click", () => this.#answer("confirm"));
        this.listen(this.#part("cancel"), "click", () => this.#answer("cancel"));
    }

    disconnectedCallback() {
        super.disconnectedCallback();
        clearTimeout(this.#timer);
    }

    get path() {
        return `/api/imports/${this.dataset.importId}`;
    }

    #part(name) {
        return find(this, `[data-import-${name}]`);
    }

    load() {
        clearTimeout(this.#timer);
        return super.load();
    }

    showError(error) {
        this.#notice(error.message);
    }

    async #retry() {
        try {
            imports.open(await request(`${this.path}/retry`, { method: "POST" }));
        } catch (error) {
            this.#notice(error.message);
        }
        this.load();
    }

    async #delete() {
        if (!(await find(document, "confirm-dialog").ask(deletion(this.#importData)))) return;
        try {
            await request(this.path, { method: "DELETE" });
            location.assign("/imports");
        } catch (error) {
            this.#notice(error.message);
        }
    }

    /** Answer the import's question, and show what comes of it in the modal; whether the answer was accepted. */
    async #answer(action, json) {
        this.#busy = true;
        this.#notice("");
        this.#showQuestion(this.#importData);
        let accepted = false;
        try {
            const importData = await request(`${this.path}/${action}`, { method: "POST", json });
            accepted = true;
            if (!hasEnded(importData)) imports.open(importData);
        } catch (error) {
            this.#notice(error.message);
        }
        this.#busy = false;
        await this.load();
        return accepted;
    }

    async #undo() {
        const asked = { title: "Undo this import?", text: whatUndoReverts(this.#importData), agree: "Undo this import" };
        if (!(await find(document, "confirm-dialog").ask(asked))) return;
        const button = this.#part("undo");
        button.disabled = true;
        this.#notice("");
        this.#undoing(0);
        const sessionId = newUuid();
        const client = new WebSocketClient();
        const onSnapshot = ({ progress }) => this.#undoing(progress);
        const follower = new ProgressFollower(client, sessionId, { onSnapshot, onUnknown: () => {}, onWarning: () => {} });
        follower.start();
        try {
            this.show(await request(`${this.path}/undo`, { method: "POST", json: { sessionId } }));
            this.#notice("The import was undone. All its changes were reverted.");
        } catch (error) {
            this.#notice(error.message);
        }
        follower.stop();
        client.disconnect();
        this.#part("undoing").hidden = true;
        button.disabled = false;
    }

    #undoing(progress) {
        const percent = Math.floor(progress);
        const bar = this.#part("undo-bar");
        this.#part("undoing").hidden = false;
        bar.setAttribute("aria-valuenow", percent);
        bar.firstElementChild.style.width = `${percent}%`;
        setText(this.#part("undo-percent"), `${percent}%`);
    }

    show(importData) {
        this.#importData = importData;
        this.showView("list");
        const state = shownState(importData);
        const badge = this.#part("state");
        badge.dataset.state = state;
        setText(badge, STATES[state] ?? state);
        setText(this.#part("facts"), facts(importData));
        this.#part("open").hidden = hasEnded(importData) || importData.state === "awaiting-confirmation"; // this page asks as well
        this.#part("delete").hidden = !isDeletable(importData);
        this.#part("undo").hidden = !importData.undoable;
        this.#part("undo-first").hidden = !importData.undoFirst;
        this.#part("undo-first").querySelector("a").href = importPage(importData.undoFirst);
        this.#part("retry").hidden = !importData.retryable;
        this.#part("another").hidden = importData.state !== "failed" || importData.retryable;
        this.#part("map").hidden = !(importData.retryable && importData.error.code === "UNKNOWN_FORMAT");
        this.#part("change-mapping").hidden = importData.mappingId === null;
        this.#sentence("error", importData.error?.detail ?? "");
        setItems(this.#part("warnings"), importData.warnings);
        this.#sentence("left-out", importData.state === "completed" ? leftOut(importData) : "");
        this.#part("left-out-rejects").hidden = importData.rejected === 0;
        this.#showQuestion(importData);
        for (const cell of this.querySelectorAll("[data-rows]")) setText(cell, count(importData[cell.dataset.rows]));
        this.#part("rows").hidden = importData.state === "failed" && importData.rowsRead === 0;
        this.#part("rejects").hidden = importData.rejected === 0;
        this.#part("rejects").href = `${this.path}/rejects.csv`;
        showReading(this, importData);
        showOutcome(this, importData);
        if (!hasEnded(importData)) this.#timer = setTimeout(() => this.load(), REFRESH_MS);
    }

    #showQuestion(importData) {
        const asks = importData.state === "awaiting-confirmation";
        this.#part("question").hidden = !asks;
        if (!asks) return;
        setText(this.#part("question-title"), importData.preview ? "Preview" : "Needs your confirmation");
        setText(this.#part("question-text"), question(importData));
        setItems(this.#part("reasons"), reasons(importData));
        this.#answers.show({ ...importData, busy: this.#busy });
        this.#part("confirm").disabled = this.#part("cancel").disabled = this.#busy;
    }

    #notice(text) {
        this.#sentence("notice", text);
    }

    #sentence(name, text) {
        setText(this.#part(`${name}-text`), text);
        this.#part(name).hidden = text === "";
    }
}

/**
 * Show how the file was read.
 *
 * @param {HTMLElement} page
 * @param {object} importData the import as the API answers it; its recognition is empty before its file has been read
 */
function showReading(page, importData) {
    const { recognition } = importData;
    find(page, "[data-import-reading]").hidden = !recognition.format;
    if (!recognition.format) return;
    for (const [name, text] of Object.entries({ ...reading(recognition), time: timeTaken(importData) })) {
        const line = find(page, `[data-reading="${name}"]`);
        line.hidden = text === "";
        setText(find(line, "dd"), text);
    }
}

/**
 * Show what it changed, or would change if it is confirmed.
 *
 * @param {HTMLElement} page
 * @param {object} importData the import as the API answers it
 */
function showOutcome(page, importData) {
    const summary = importData.forecast?.summary ?? (importData.state === "completed" ? importData.summary : null);
    find(page, "[data-import-outcome]").hidden = summary === null;
    if (summary === null) return;
    setText(find(page, "[data-import-outcome-title]"), outcomeTitle(importData, summary));
    const links = importData.forecast || summary.late || importData.undoneAt ? null : importData.importId;
    showSeverities(page, Object.entries(summary.bySeverity), links);
    find(page, "[data-import-differences]").hidden = !summary.hosts;
    if (summary.hosts) showDifferences(page, summary);
}

function outcomeTitle({ forecast, undoneAt }, { late }) {
    if (forecast) return "What it would change";
    if (undoneAt) return "What it had changed";
    return late ? "What was open then" : "What it changed";
}

function showSeverities(page, bySeverity, importId) {
    const template = find(page, "[data-severity-row]");
    find(page, "[data-import-severities]").replaceChildren(...bySeverity.map((entry) => severityRow(template, entry, importId)));
    for (const cell of page.querySelectorAll("[data-total-of]")) {
        const name = cell.dataset.totalOf;
        showFigure(cell, name, bySeverity.reduce((sum, [, figures]) => sum + figures[name], 0), importId);
    }
}

function severityRow(template, [severity, figures], importId) {
    const row = copyOf(template);
    row.dataset.severity = severity;
    setText(find(row, "[data-severity-name]"), severity);
    for (const cell of row.querySelectorAll("[data-of]")) {
        showFigure(cell, cell.dataset.of, figures[cell.dataset.of], importId, severity);
    }
    return row;
}

/** Make a figure of what changed a link to the findings that it counts. */
function showFigure(cell, name, figure, importId, severity) {
    cell.dataset.zero = figure === 0;
    if (importId === null || figure === 0 || !countsChanges(name)) {
        setText(cell, count(figure));
        return;
    }
    cell.replaceChildren(linkTo(changedFindings(importId, name, severity && { severity }), count(figure)));
}

function showDifferences(page, summary) {
    for (const section of page.querySelectorAll("[data-difference]")) {
        const [kind, change] = section.dataset.difference.split(".");
        const difference = summary[kind][change];
        setText(find(section, "[data-difference-count]"), count(difference.count));
        const page = { hosts: hostNamed, cves: cvePage }[kind];
        find(section, "[data-difference-names]").replaceChildren(...difference.names.map((name) => nameItem(page(name), name)));
        setText(find(section, "[data-difference-rest]"), rest(difference));
    }
}

/** A host or CVE that leads to its page. */
function nameItem(address, name) {
    const item = document.createElement("li");
    item.append(linkTo(address, name));
    return item;
}

customElements.define("import-page", ImportPage);
