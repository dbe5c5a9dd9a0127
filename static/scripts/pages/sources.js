import { importPage, listOf } from "../elements/links.js";
import { fillSeverities } from "../elements/severities.js";
import { copyOf, find, setItems, setText } from "../lib/dom.js";
import { count, counted } from "../lib/format.js";
import { request } from "../lib/http.js";
import { newUuid } from "../lib/uuid.js";
import { ProgressFollower } from "../progress/follower.js";
import { WebSocketClient } from "../progress/websocket-client.js";
import { ChangingPage } from "./account.js";

const PATH = "/api/sources";
const WORD = "MERGE";
/** A merge that takes no longer shows no progress. */
const SHOWN_AFTER_MS = 700;
const STATES = { active: "Active", quiet: "Quiet", retired: "Retired", empty: "Empty" };

/**
 * The list of sources; administrators can rename, merge and retire them.
 */
class SourcesPage extends ChangingPage {
    #sources = new Map();
    /** What a dialog is open for, and the forecast that it waits for. */
    #chosen = null;
    #forecast = null;

    connectedCallback() {
        super.connectedCallback();
        this.listen(find(this, "[data-source-rows]"), "click", (event) => this.#act(event.target.closest("button")));
        const rename = this.querySelector("[data-rename-dialog]");
        if (rename === null) return;
        const merge = find(this, "[data-merge-dialog]");
        for (const dialog of [rename, merge]) {
            this.listen(find(dialog, "[data-dialog-cancel]"), "click", () => dialog.close());
        }
        this.listen(find(rename, "form"), "submit", (event) => this.#rename(event, rename));
        this.listen(find(merge, "form"), "submit", (event) => this.#merge(event, merge));
        this.listen(find(merge, "select"), "change", () => this.#foresee(merge));
        this.listen(find(merge, "input"), "input", () => checkMerge(merge));
        this.listen(merge, "close", () => this.#forecast?.abort());
    }

    get name() {
        return "sources";
    }

    show({ data }) {
        this.#sources = new Map(data.map((source) => [source.sourceId, source]));
        const template = find(this, "template");
        this.showList("[data-source-rows]", data.map((source) => sourceRow(template, source)));
    }

    async #act(button) {
        if (!button) return;
        const source = this.#sources.get(Number(button.closest("tr").dataset.id));
        if (button.matches("[data-rename]")) this.#openRename(source);
        else if (button.matches("[data-merge]")) this.#openMerge(source);
        else if (source.state === "retired") await this.#change(source, "activate", `${named(source)} is active again.`);
        else await this.#retire(source);
    }

    async #retire(source) {
        const text =
            `${counted(source.open, "open finding")} of ${named(source)} will no longer count as open in lists, on the dashboard and in trends. ` +
            "Nothing is resolved or deleted: “Activate” brings them back, as does the next import of this source.";
        const agreed = await find(document, "confirm-dialog").ask({ title: "Retire this source?", text, agree: "Retire" });
        if (agreed) await this.#change(source, "retire", `${named(source)} was retired.`);
    }

    async #change(source, action, done) {
        await this.attempt(() => request(`${PATH}/${source.sourceId}/${action}`, { method: "POST" }), done);
        this.load();
    }

    #openRename(source) {
        const dialog = find(this, "[data-rename-dialog]");
        this.#chosen = source;
        setText(find(dialog, "[data-dialog-error]"), "");
        find(dialog, "input").value = source.source;
        dialog.showModal();
        find(dialog, "input").select();
    }

    async #rename(event, dialog) {
        event.preventDefault();
        const label = find(dialog, "input").value;
        const renamed = await this.#inDialog(dialog, () =>
            request(`${PATH}/${this.#chosen.sourceId}/rename`, { method: "POST", json: { label } }),
        );
        if (renamed) await this.attempt(async () => true, `The source is now called ${renamed.source}.`);
    }

    #openMerge(source) {
        const dialog = find(this, "[data-merge-dialog]");
        this.#chosen = source;
        setText(find(dialog, "[data-merge-name]"), named(source));
        const choices = source.mergesWith.map((id) => new Option(inFull(this.#sources.get(id)), String(id)));
        find(dialog, "select").replaceChildren(...choices);
        find(dialog, "input").value = "";
        dialog.showModal();
        this.#foresee(dialog);
    }

    /** Show what the merge would do; only the newest answer counts. */
    async #foresee(dialog) {
        this.#forecast?.abort();
        this.#forecast = new AbortController();
        const { signal } = this.#forecast;
        const into = find(dialog, "select").value;
        setText(find(dialog, "[data-dialog-error]"), "");
        setItems(find(dialog, "[data-merge-figures]"), ["Comparing the two sources..."]);
        dialog.dataset.ready = "false";
        checkMerge(dialog);
        try {
            const figures = await request(`${PATH}/${this.#chosen.sourceId}/merge?into=${into}`, { signal });
            setItems(find(dialog, "[data-merge-figures]"), consequences(this.#chosen, this.#sources.get(Number(into)), figures));
            dialog.dataset.ready = "true";
            checkMerge(dialog);
        } catch (error) {
            if (error.name === "AbortError") return;
            setItems(find(dialog, "[data-merge-figures]"), []);
            setText(find(dialog, "[data-dialog-error]"), error.message);
        }
    }

    async #merge(event, dialog) {
        event.preventDefault();
        const into = Number(find(dialog, "select").value);
        const sessionId = newUuid();
        const merged = await this.#inDialog(dialog, () =>
            showingProgress(dialog, sessionId, () =>
                request(`${PATH}/${this.#chosen.sourceId}/merge`, { method: "POST", json: { into, confirm: WORD, sessionId } }),
            ),
        );
        if (merged) await this.attempt(async () => true, `${named(this.#chosen)} is now part of ${named(this.#sources.get(into))}.`);
    }

    /** Do what a dialog asks for, and close it if that worked; else it says why it did not. */
    async #inDialog(dialog, action) {
        const buttons = [...dialog.querySelectorAll("button, input, select")];
        for (const button of buttons) button.disabled = true;
        dialog.setAttribute("aria-busy", "true");
        setText(find(dialog, "[data-dialog-error]"), "");
        try {
            const answer = await action();
            dialog.close();
            await this.load();
            return answer;
        } catch (error) {
            setText(find(dialog, "[data-dialog-error]"), error.message);
            return undefined;
        } finally {
            for (const button of buttons) button.disabled = false;
            dialog.removeAttribute("aria-busy");
            if (dialog.matches("[data-merge-dialog]")) checkMerge(dialog);
        }
    }
}

/** Do something that the server tells in a progress session, and show how far it is. */
async function showingProgress(dialog, sessionId, action) {
    const began = performance.now();
    const client = new WebSocketClient();
    const onSnapshot = (snapshot) => performance.now() - began > SHOWN_AFTER_MS && showProgress(dialog, snapshot);
    const follower = new ProgressFollower(client, sessionId, { onSnapshot, onUnknown: () => {}, onWarning: () => {} });
    follower.start();
    try {
        return await action();
    } finally {
        follower.stop();
        client.disconnect();
        find(dialog, "[data-merge-progress]").hidden = true;
    }
}

function showProgress(dialog, { progress, metadata }) {
    const percent = Math.floor(progress);
    const bar = find(dialog, "[data-merge-bar]");
    find(dialog, "[data-merge-progress]").hidden = false;
    bar.setAttribute("aria-valuenow", percent);
    bar.firstElementChild.style.width = `${percent}%`;
    setText(find(dialog, "[data-merge-message]"), metadata.message);
    setText(find(dialog, "[data-merge-percent]"), `${percent}%`);
}

/** Let the merge go on once its figures are shown and the word is typed. */
function checkMerge(dialog) {
    const isAgreed = find(dialog, "input").value.trim() === WORD;
    find(dialog, "[type=submit]").disabled = !(isAgreed && dialog.dataset.ready === "true");
}

function consequences(source, into, figures) {
    const { hosts, joinedHosts, findings, joinedFindings, openBefore, openAfter } = figures;
    return [
        `Hosts that are also in ${named(into)}: ${count(joinedHosts)} of ${count(hosts)}.`,
        `Findings that are also in the other source: ${count(joinedFindings)} of ${count(findings)}. The one that was last seen or resolved decides whether the finding is open.`,
        `Open findings of both: ${count(openBefore)} now, ${count(openAfter)} after the merge.`,
        `Imports ${source.source ? `under the label ${source.source}` : `of ${source.scannerName} without a label`} go to ${named(into)}. A full scan then resolves all findings of both sources that it does not contain.`,
    ];
}

function sourceRow(template, source) {
    const row = copyOf(template);
    row.dataset.id = source.sourceId;
    const name = find(row, "[data-source-name]");
    name.href = listOf(source.state === "retired" ? { source: source.sourceId, state: "retired" } : { source: source.sourceId });
    setText(name, named(source));
    setText(find(row, "[data-source-scanner]"), source.source ? source.scannerName : "");
    const aliases = source.aliases.map((alias) => alias.source || "no label");
    setText(find(row, "[data-source-aliases]"), aliases.length > 0 ? `also: ${aliases.join(", ")}` : "");
    const state = find(row, "[data-source-state]");
    state.dataset.state = `source-${source.state}`;
    setText(state, STATES[source.state]);
    if (source.retiredOn) state.title = `since ${source.retiredOn}`;
    showScans(row, source);
    setText(find(row, "[data-source-hosts]"), count(source.hosts));
    fillSeverities(row, source.bySeverity);
    setText(find(row, "[data-source-open]"), count(source.open));
    showButtons(row, source);
    return row;
}

function showScans(row, { imports, firstScanDate, lastScanDate, lastImportId, usualIntervalDays }) {
    setText(find(row, "[data-source-scans]"), imports === 0 ? "" : `${counted(imports, "import")} since ${firstScanDate}`);
    const last = find(row, "[data-source-last]");
    last.hidden = lastImportId === null;
    if (lastImportId !== null) last.href = importPage(lastImportId);
    setText(last, `last on ${lastScanDate}`);
    const every = usualIntervalDays === 1 ? "day" : counted(usualIntervalDays ?? 0, "day");
    setText(find(row, "[data-source-rhythm]"), usualIntervalDays === null ? "" : `usually every ${every}`);
}

function showButtons(row, source) {
    const retire = row.querySelector("[data-retire]");
    if (retire === null) return;
    setText(retire, source.state === "retired" ? "Activate" : "Retire");
    find(row, "[data-merge]").hidden = source.mergesWith.length === 0;
    for (const button of row.querySelectorAll("button")) button.setAttribute("aria-label", `${button.textContent} ${named(source)}`);
}

const named = (source) => source.source || source.scannerName;
const inFull = (source) => (source.source ? `${source.source} (${source.scannerName})` : source.scannerName);

customElements.define("sources-page", SourcesPage);
