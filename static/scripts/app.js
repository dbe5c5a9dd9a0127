/**
 * The one entry of every page: defines its custom elements, and follows the imports and exports that run while it is shown.
 */
import "./elements/signed-out.js";
import "./pages/account.js";
import "./pages/audit.js";
import "./pages/connection.js";
import "./pages/dashboard.js";
import "./pages/data.js";
import "./pages/entity.js";
import "./pages/explorer.js";
import "./pages/import.js";
import "./pages/imports.js";
import "./pages/mapping.js";
import "./pages/mappings.js";
import "./pages/sources.js";
import "./pages/trends.js";
import "./pages/users.js";
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
