/**
 * What every page needs beside its own scripts: follows the imports and exports that run while it is shown.
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
// a page that the browser stores for the back button must hold no connection, and takes it up again when it is shown
addEventListener("pagehide", () => {
    imports.stop();
    exports.stop();
});
addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    imports.resume();
    exports.start();
});
