import { copyOf, find, setText } from "./shared/dom.js";
import { ago, bytes, instant } from "./shared/format.js";

const KINDS = {
    "before-restore": "What a restore replaced",
    "before-clear": "What was cleared",
    uploaded: "Brought by upload",
};

/**
 * The row of one backup.
 *
 * @param {HTMLTemplateElement} template
 * @param {{name: string, size: number, createdAt: number}} backup
 * @returns {HTMLElement}
 */
export function backupRow(template, { name, size, createdAt }) {
    const row = copyOf(template);
    row.dataset.backup = name;
    setText(find(row, "[data-backup-name]"), name);
    const kind = Object.keys(KINDS).find((prefix) => name.startsWith(prefix));
    setText(find(row, "[data-backup-kind]"), KINDS[kind] ?? "");
    const when = find(row, "time");
    when.dateTime = new Date(createdAt).toISOString();
    when.title = instant(createdAt);
    setText(when, ago(createdAt));
    setText(find(row, "[data-backup-size]"), bytes(size));
    find(row, "[data-backup-download]").href = `/api/backups/${name}`;
    for (const button of row.querySelectorAll("a, button")) button.setAttribute("aria-label", `${button.textContent.trim()} ${name}`);
    return row;
}
