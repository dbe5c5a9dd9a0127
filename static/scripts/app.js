/**
 * The one entry of every page: gives each element marked with a behaviour's data attribute that behaviour.
 */
import { LastChanges, LatestImports, OldestList, SourceList, WorstList } from "./dashboard.js";
import { DataPage } from "./data-page.js";
import { ExportPill } from "./export-pill.js";
import { Explorer } from "./explorer.js";
import { ImportForm } from "./import-form.js";
import { ImportPage } from "./import-page.js";
import { ImportsPage } from "./imports-page.js";
import { ExportRuns } from "./shared/export-runs.js";
import { ImportDiscovery } from "./shared/import-discovery.js";
import { ImportRuns } from "./shared/import-runs.js";
import { Menu } from "./shared/menu.js";
import { ProgressModal } from "./shared/progress-modal.js";
import { ProgressPill } from "./shared/progress-pill.js";
import { WebSocketClient } from "./shared/websocket-client.js";
import { MappingPage } from "./mapping-page.js";
import { SeverityStats } from "./severity-stats.js";
import { SubjectPage } from "./subject-page.js";
import { TrendCard } from "./trend-card.js";

const BEHAVIOURS = {
    "[data-progress-modal]": ProgressModal,
    "[data-progress-pill]": ProgressPill,
    "[data-export-pill]": ExportPill,
    "[data-menu]": Menu,
    "[data-import-form]": ImportForm,
    "[data-import-page]": ImportPage,
    "[data-imports-page]": ImportsPage,
    "[data-mapping-page]": MappingPage,
    "[data-vulnerabilities-page]": Explorer,
    "[data-severity-stats]": SeverityStats,
    "[data-last-changes]": LastChanges,
    "[data-trend-card]": TrendCard,
    "[data-worst-list]": WorstList,
    "[data-oldest-list]": OldestList,
    "[data-latest-imports]": LatestImports,
    "[data-source-list]": SourceList,
    "[data-subject-page]": SubjectPage,
    "[data-data-page]": DataPage,
};

const runs = new ImportRuns(new WebSocketClient());
const exports = new ExportRuns();
const mounted = Object.entries(BEHAVIOURS).flatMap(([selector, Behaviour]) =>
    Array.from(document.querySelectorAll(selector), (element) => new Behaviour(element, { runs, exports })),
);
const all = [...mounted, runs, exports, new ImportDiscovery(runs)];

function start() {
    for (const behaviour of all) behaviour.start();
}

function stop() {
    for (const behaviour of all) behaviour.stop();
}

start();
// a page that the browser keeps for the back button must hold no connection, and takes it up again when it is shown
addEventListener("pagehide", stop);
addEventListener("pageshow", (event) => event.persisted && start());
