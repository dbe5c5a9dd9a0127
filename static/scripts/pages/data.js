import "../elements/confirm-dialog.js";
import { DataElement } from "../elements/data-element.js";
import { copyOf, find, setText, showTime } from "../lib/dom.js";
import { bytes, instant } from "../lib/format.js";
import { Upload, request } from "../lib/http.js";
import { MaintenanceRun } from "../progress/maintenance.js";

const PATH = "/api/backups";
const OPERATIONS = { backup: "The backup started", restore: "The restore started", clear: "The clear started" };
const CLEAR = {
    title: "Clear everything?",
    text: "All findings, hosts, imports, sources and mappings will be deleted. A backup of them is made first.",
    agree: "Clear everything",
    word: "DELETE",
};

/**
 * Backups: create, upload, restore and delete them, and clear the record.
 */
class DataPage extends DataElement {
    #run = new MaintenanceRun("hextrackr_maintenance");
    #reported = false;

    connectedCallback() {
        super.connectedCallback();
        this.listen(find(this, "[data-back-up]"), "click", () => this.#begin(PATH));
        this.listen(find(this, "[data-clear]"), "click", () => this.#clear());
        this.listen(find(this, "[data-backup-file]"), "change", (event) => this.#upload(event.target));
        this.listen(find(this, "[data-backup-rows]"), "click", (event) => this.#act(event.target.closest("button")));
        this.listen(this.#run, "change", () => this.#draw());
        this.listen(this.#run, "ended", (event) => this.#ended(event.detail));
        this.#run.start(this.signal);
    }

    show({ data, operations = [] }) {
        const template = find(this, "template");
        this.showList("[data-backup-rows]", data.map((backup) => backupRow(template, backup)));
        this.#reportLast(operations[0]);
    }

    /** Say once that the last operation failed, as its reader may have left the page before. */
    #reportLast(last) {
        if (this.#reported) return;
        this.#reported = true;
        if (last?.state !== "failed" || this.#run.snapshot !== null) return;
        this.#notify("error", `${OPERATIONS[last.operation] ?? "The operation started"} on ${instant(last.startedAt)}: ${last.message}`);
    }

    async #act(button) {
        const name = button?.closest("[data-backup]").dataset.backup;
        if (button?.matches("[data-backup-restore]")) await this.#restore(name);
        else if (button?.matches("[data-backup-delete]")) await this.#delete(name);
    }

    async #restore(name) {
        const text = `All findings, hosts, imports, sources and mappings will be replaced with those of ${name}. A backup of the current ones is made first.`;
        const agreed = await find(document, "confirm-dialog").ask({ title: "Restore this backup?", text, agree: "Restore" });
        if (agreed) await this.#begin(`${PATH}/${name}/restore`, { confirm: "RESTORE" });
    }

    async #delete(name) {
        const text = `${name} will be permanently deleted from the server.`;
        if (!(await find(document, "confirm-dialog").ask({ title: "Delete this backup?", text, agree: "Delete" }))) return;
        await this.#attempt(() => request(`${PATH}/${name}`, { method: "DELETE" }));
        await this.load();
    }

    async #clear() {
        if (await find(document, "confirm-dialog").ask(CLEAR)) await this.#begin("/api/clear", { confirm: CLEAR.word });
    }

    async #upload(input) {
        const [file] = input.files;
        if (!file) return;
        const form = new FormData();
        form.append("backupFile", file);
        input.value = "";
        this.#busy(true);
        const sending = (loaded, total) => this.#progress(`Sending ${file.name}...`, (100 * loaded) / total);
        await this.#attempt(async () => {
            await new Upload(`${PATH}/upload`).send(form, sending);
            this.#notify("notice", `${file.name} was uploaded. It is checked completely when it is restored.`);
        });
        this.#busy(false);
        await this.load();
    }

    async #begin(path, json) {
        this.#busy(true);
        this.#progress("Waiting to start...", 0);
        const begun = await this.#attempt(async () => {
            await this.#run.begin(path, json);
            return true;
        });
        if (!begun) this.#busy(false);
    }

    #ended(snapshot) {
        this.#busy(false);
        this.#notify("error", this.#run.error);
        this.#notify("notice", this.#run.error ? "" : (snapshot?.message ?? ""));
        this.load();
    }

    #draw() {
        this.#busy(true);
        this.#progress(this.#run.snapshot.message, this.#run.snapshot.progress);
    }

    /** @returns {Promise<*>} what the action returns, or undefined when it failed and the page says so */
    async #attempt(action) {
        this.#notify("notice", "");
        this.#notify("error", "");
        try {
            return await action();
        } catch (error) {
            this.#notify("error", error.detail ?? error.message);
            return undefined;
        }
    }

    #busy(busy) {
        find(this, "[data-maintenance]").hidden = !busy;
        this.toggleAttribute("data-busy", busy);
        for (const control of this.querySelectorAll("button, input")) control.disabled = busy;
    }

    #progress(message, percent) {
        const bar = find(this, "[data-maintenance-bar]");
        bar.setAttribute("aria-valuenow", Math.floor(percent));
        bar.firstElementChild.style.width = `${percent}%`;
        setText(find(this, "[data-maintenance-message]"), message);
        setText(find(this, "[data-maintenance-percent]"), `${Math.floor(percent)}%`);
    }

    #notify(name, text) {
        setText(find(this, `[data-data-${name}-text]`), text);
        find(this, `[data-data-${name}]`).hidden = text === "";
    }
}

const KINDS = {
    "before-restore": "Made before a restore",
    "before-clear": "Made before a clear",
    uploaded: "Uploaded",
};

/**
 * The row of one backup.
 *
 * @param {HTMLTemplateElement} template
 * @param {{name: string, size: number, createdAt: number}} backup
 * @returns {HTMLElement}
 */
function backupRow(template, { name, size, createdAt }) {
    const row = copyOf(template);
    row.dataset.backup = name;
    setText(find(row, "[data-backup-name]"), name);
    const kind = Object.keys(KINDS).find((prefix) => name.startsWith(prefix));
    setText(find(row, "[data-backup-kind]"), KINDS[kind] ?? "");
    showTime(find(row, "time"), createdAt);
    setText(find(row, "[data-backup-size]"), bytes(size));
    find(row, "[data-backup-download]").href = `/api/backups/${name}`;
    for (const button of row.querySelectorAll("a, button")) button.setAttribute("aria-label", `${button.textContent.trim()} ${name}`);
    return row;
}

customElements.define("data-page", DataPage);
