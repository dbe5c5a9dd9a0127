import { backupRow } from "./backup-row.js";
import { request } from "./shared/api.js";
import { Confirmation } from "./shared/confirmation.js";
import { find, setText } from "./shared/dom.js";
import { instant } from "./shared/format.js";
import { Panel } from "./shared/panel.js";
import { Upload } from "./shared/upload.js";
import { UpkeepRun } from "./upkeep-run.js";

const PATH = "/api/backups";
const OPERATIONS = { backup: "The backup begun", restore: "The restore begun", clear: "The clearing begun" };
const CLEAR = {
    title: "Clear everything?",
    text: "All findings, hosts, imports, sources and mappings are removed. A backup of them is made first.",
    agree: "Clear everything",
    word: "DELETE",
};

/**
 * The backups, what can be done with them, and clearing the record.
 */
export class DataPage extends Panel {
    #run = new UpkeepRun();
    #confirmation = new Confirmation(find(document, "[data-confirmation]"));
    #listeners = null;
    #recalled = false;

    start() {
        this.#listeners = new AbortController();
        const { signal } = this.#listeners;
        const on = (selector, event, action) => find(this.element, selector).addEventListener(event, action, { signal });
        on("[data-back-up]", "click", () => this.#begin(PATH));
        on("[data-clear]", "click", () => this.#clear());
        on("[data-backup-file]", "change", (event) => this.#bring(event.target));
        on("[data-backup-rows]", "click", (event) => this.#act(event.target.closest("button")));
        this.#run.addEventListener("change", () => this.#draw(), { signal });
        this.#run.addEventListener("ended", (event) => this.#ended(event.detail), { signal });
        super.start();
        this.#run.start();
    }

    stop() {
        this.#listeners.abort();
        this.#run.stop();
        super.stop();
    }

    show({ data, operations = [] }) {
        const template = find(this.element, "template");
        find(this.element, "[data-backup-rows]").replaceChildren(...data.map((backup) => backupRow(template, backup)));
        this.#recall(operations[0]);
        return data.length > 0;
    }

    /** Say once what became of the last operation, if nobody was there to hear that it failed. */
    #recall(last) {
        if (this.#recalled) return;
        this.#recalled = true;
        if (last?.state !== "failed" || this.#run.snapshot !== null) return;
        this.#say("error", `${OPERATIONS[last.operation] ?? "What was begun"} on ${instant(last.startedAt)}: ${last.message}`);
    }

    async #act(button) {
        const name = button?.closest("[data-backup]").dataset.backup;
        if (button?.matches("[data-backup-restore]")) await this.#restore(name);
        else if (button?.matches("[data-backup-delete]")) await this.#delete(name);
    }

    async #restore(name) {
        const text = `Everything on record is replaced by ${name}. A backup of what is there now is made first.`;
        const agreed = await this.#confirmation.ask({ title: "Restore this backup?", text, agree: "Restore" });
        if (agreed) await this.#begin(`${PATH}/${name}/restore`, { confirm: "RESTORE" });
    }

    async #delete(name) {
        const text = `${name} is removed from the server for good.`;
        if (!(await this.#confirmation.ask({ title: "Delete this backup?", text, agree: "Delete" }))) return;
        await this.#attempt(() => request(`${PATH}/${name}`, { method: "DELETE" }));
        await this.load();
    }

    async #clear() {
        if (await this.#confirmation.ask(CLEAR)) await this.#begin("/api/clear", { confirm: CLEAR.word });
    }

    async #bring(input) {
        const [file] = input.files;
        if (!file) return;
        const form = new FormData();
        form.append("backupFile", file);
        input.value = "";
        this.#busy(true);
        const sending = (loaded, total) => this.#progress(`Sending ${file.name}...`, (100 * loaded) / total);
        await this.#attempt(async () => {
            await new Upload(`${PATH}/upload`).send(form, sending);
            this.#say("notice", `${file.name} is among the backups now; it is looked at closely when it is restored.`);
        });
        this.#busy(false);
        await this.load();
    }

    async #begin(path, json) {
        this.#busy(true);
        this.#progress("Waiting for its turn...", 0);
        const begun = await this.#attempt(async () => {
            await this.#run.begin(path, json);
            return true;
        });
        if (!begun) this.#busy(false);
    }

    #ended(snapshot) {
        this.#busy(false);
        this.#say("error", this.#run.error);
        this.#say("notice", this.#run.error ? "" : (snapshot?.message ?? ""));
        this.load();
    }

    #draw() {
        this.#busy(true);
        this.#progress(this.#run.snapshot.message, this.#run.snapshot.progress);
    }

    /** @returns {Promise<*>} what the action returns, or undefined when it failed and that was said */
    async #attempt(action) {
        this.#say("notice", "");
        this.#say("error", "");
        try {
            return await action();
        } catch (error) {
            this.#say("error", error.detail ?? error.message);
            return undefined;
        }
    }

    #busy(busy) {
        find(this.element, "[data-upkeep]").hidden = !busy;
        this.element.toggleAttribute("data-busy", busy);
        for (const control of this.element.querySelectorAll("button, input")) control.disabled = busy;
    }

    #progress(message, percent) {
        const bar = find(this.element, "[data-upkeep-bar]");
        bar.setAttribute("aria-valuenow", Math.floor(percent));
        bar.firstElementChild.style.width = `${percent}%`;
        setText(find(this.element, "[data-upkeep-message]"), message);
        setText(find(this.element, "[data-upkeep-percent]"), `${Math.floor(percent)}%`);
    }

    #say(name, text) {
        setText(find(this.element, `[data-data-${name}-text]`), text);
        find(this.element, `[data-data-${name}]`).hidden = text === "";
    }
}
