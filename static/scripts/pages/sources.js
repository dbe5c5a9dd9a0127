import { importPage, listOf } from "../elements/links.js";
import { fillSeverities } from "../elements/severities.js";
import { copyOf, find, setItems, setText } from "../lib/dom.js";
import { count, counted } from "../lib/format.js";
import { request } from "../lib/http.js";
import { session } from "../lib/storage.js";
import { newUuid } from "../lib/uuid.js";
import { ProgressFollower } from "../progress/follower.js";
import { MaintenanceRun } from "../progress/maintenance.js";
import { WebSocketClient } from "../progress/websocket-client.js";
import { ChangingPage } from "./account.js";

const PATH = "/api/sources";
const WORD = "MERGE";
const MERGE_KEY = "hextrackr_merge"; // of this tab: a running merge is found again after a reload
/** A merge that takes no longer shows no progress. */
const SHOWN_AFTER_MS = 700;
const STATES = { active: "Active", quiet: "Quiet", retired: "Retired", empty: "Empty" };

/**
 * The list of sources; administrators can rename, merge and retire them.
 */
class SourcesPage extends ChangingPage {
    #sources = new Map();
    /** The source that a dialog is open for. */
    #chosen = null;
    /** The latest forecast: its controller, and a promise that resolves when the server has answered it. */
    #forecast = { controller: new AbortController(), answered: Promise.resolve() };
    /** The merge that was running when the page was left. */
    #earlierMerge = new MaintenanceRun(MERGE_KEY);

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
        this.listen(merge, "close", () => this.#forecast.controller.abort());
        const bar = find(this, "[data-merge-running]");
        this.listen(this.#earlierMerge, "change", () => showProgress(bar, this.#earlierMerge.snapshot));
        this.listen(this.#earlierMerge, "ended", ({ detail }) => this.#earlierMergeEnded(bar, detail));
        this.#earlierMerge.start(this.signal);
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

    /** Show what the merge would do. The server compares one pair of sources at a time, so ask only for the last of several choices. */
    #foresee(dialog) {
        this.#forecast.controller.abort();
        const { answered } = this.#forecast;
        const controller = new AbortController();
        this.#forecast = { controller, answered: answered.then(() => this.#showForecast(dialog, controller.signal)) };
        setText(find(dialog, "[data-dialog-error]"), "");
        setItems(find(dialog, "[data-merge-figures]"), ["Comparing the two sources..."]);
        dialog.dataset.ready = "false";
        checkMerge(dialog);
    }

    async #showForecast(dialog, signal) {
        if (signal.aborted) return;
        const source = this.#chosen;
        const into = find(dialog, "select").value;
        try {
            const figures = await request(`${PATH}/${source.sourceId}/merge?into=${into}`);
            if (signal.aborted) return;
            setItems(find(dialog, "[data-merge-figures]"), consequences(source, this.#sources.get(Number(into)), figures));
            dialog.dataset.ready = "true";
            checkMerge(dialog);
        } catch (error) {
            if (signal.aborted) return;
            setItems(find(dialog, "[data-merge-figures]"), []);
            setText(find(dialog, "[data-dialog-error]"), error.message);
        }
    }

    async #merge(event, dialog) {
        event.preventDefault();
        const into = Number(find(dialog, "select").value);
        const merged = await this.#inDialog(dialog, () =>
            showingProgress(find(dialog, "[data-merge-progress]"), (sessionId) =>
                request(`${PATH}/${this.#chosen.sourceId}/merge`, { method: "POST", json: { into, confirm: WORD, sessionId } }),
            ),
        );
        if (merged) await this.attempt(async () => true, `${named(this.#chosen)} is now part of ${named(this.#sources.get(into))}.`);
    }

    /** Say what became of a merge that was running when the page was left; `snapshot` is null if that is not known. */
    async #earlierMergeEnded(bar, snapshot) {
        const { error } = this.#earlierMerge;
        bar.hidden = true;
        await this.attempt(() => (error ? Promise.reject(new Error(error)) : Promise.resolve()), snapshot?.message ?? "");
        this.load();
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

/**
 * Merge two sources, and show how far the merge is.
 *
 * @param {HTMLElement} place for the bar
 * @param {(sessionId: string) => Promise<object>} merge
 * @returns {Promise<object>} what it returns
 */
async function showingProgress(place, merge) {
    const began = performance.now();
    const sessionId = newUuid();
    const client = new WebSocketClient();
    const onSnapshot = (snapshot) => performance.now() - began > SHOWN_AFTER_MS && showProgress(place, snapshot);
    const follower = new ProgressFollower(client, sessionId, { onSnapshot, onUnknown: () => {}, onWarning: () => {} });
    follower.start();
    session.put(MERGE_KEY, sessionId);
    try {
        const answer = await merge(sessionId);
        session.put(MERGE_KEY, null);
        return answer;
    } catch (error) {
        if (!error.answerLost) session.put(MERGE_KEY, null); // a page that is being left gets no answer either
        throw error;
    } finally {
        follower.stop();
        client.disconnect();
        place.hidden = true;
    }
}

function showProgress(place, { progress, metadata }) {
    const percent = Math.floor(progress);
    const bar = find(place, "[data-merge-bar]");
    place.hidden = false;
    bar.setAttribute("aria-valuenow", percent);
    bar.firstElementChild.style.width = `${percent}%`;
    setText(find(place, "[data-merge-message]"), metadata.message);
    setText(find(place, "[data-merge-percent]"), `${percent}%`);
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
