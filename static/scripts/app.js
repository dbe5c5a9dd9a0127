/**
 * The script of every page: follows running imports and exports.
 */
import "./elements/signed-out.js";
import "./progress/batch-modal.js";
import { exports } from "./progress/exports.js";
import "./progress/import-sheet.js";
import { imports } from "./progress/imports.js";
import "./progress/modal.js";
import "./progress/pills.js";
import { tab } from "./progress/tab.js";

imports.start();
exports.start();
tab.start();
// a page in the browser's back/forward cache must have no connection; it connects again when it is shown
addEventListener("pagehide", () => {
    imports.stop();
    exports.stop();
});
addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    imports.resume();
    exports.start();
});
