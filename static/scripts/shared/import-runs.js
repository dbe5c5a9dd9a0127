import { oldestFirst } from "./file-order.js";
import { ImportRun } from "./import-run.js";
import { local, session } from "./storage.js";

const RUNNING_KEY = "hextrackr_imports"; // of all tabs: an import started in one shows in the others
const SHOWN_KEY = "hextrackr_import_shown"; // of this tab: the modal that a reload brings back
const FAREWELL_MS = 8_000;

/**
 * The imports that this page follows, and which of them the modal shows. What runs is remembered, so that a reload or
 * another page finds it again.
 *
 * Events: `change` after anything that is to be seen; `progressed` when an import entered another state, so that lists
 * are out of date.
 */
export class ImportRuns extends EventTarget {
    #client;
    #runs = new Map();
    #shownId = null;
    #over = new Set();
    #sent = null; // a promise: that what was chosen so far has been sent
    #reconnect = () => {
        if (this.#runs.size > 0) this.#client.connect().catch(() => {});
    };
    #warnBeforeLeaving = (event) => {
        if (this.all.some((run) => run.view.kind === "uploading")) event.preventDefault();
    };

    /** @param {import("./websocket-client.js").WebSocketClient} client */
    constructor(client) {
        super();
        this.#client = client;
    }

    /** @returns {ImportRun[]} in the order in which they began */
    get all() {
        return [...this.#runs.values()];
    }

    /** @returns {ImportRun | null} the one in the modal */
    get shown() {
        return this.#runs.get(this.#shownId) ?? null;
    }

    /** Take up what was running when the page was left. */
    start() {
        addEventListener("online", this.#reconnect);
        addEventListener("beforeunload", this.#warnBeforeLeaving);
        const shownId = session.json(SHOWN_KEY, null);
        for (const details of local.json(RUNNING_KEY, [])) {
            this.#add(details).follow();
            if (details.sessionId === shownId) this.#shownId = shownId;
        }
        this.#changed();
    }

    /** Follow nothing any more; what is remembered stays. */
    stop() {
        removeEventListener("online", this.#reconnect);
        removeEventListener("beforeunload", this.#warnBeforeLeaving);
        for (const run of this.all) run.stop();
        this.#runs.clear();
        this.#client.disconnect();
    }

    /**
     * Import files, the oldest first, and show that. They are sent one after the other, so that the server imports them in this order.
     *
     * @param {File[]} files
     * @param {() => FormData} options makes the form's other fields, once for each
     */
    upload(files, options) {
        const runs = oldestFirst(files).map((file) => {
            const run = this.#add({ filename: file.name });
            this.#sent = run.upload(file, options(), this.#sent);
            return run;
        });
        if (runs.length > 0) this.show(runs[0].sessionId);
    }

    /**
     * Show an import that runs, whoever started it.
     *
     * @param {{sessionId: string, filename: string, importId: number}} details
     */
    open(details) {
        this.#over.delete(details.sessionId);
        if (!this.#runs.has(details.sessionId)) {
            const run = this.#add(details);
            this.#remember(run);
            run.follow();
        }
        this.show(details.sessionId);
    }

    /**
     * Follow an import that was found to run on the server, beside the modal.
     *
     * @param {{sessionId: string, filename: string, importId: number}} details
     */
    found(details) {
        if (this.#runs.has(details.sessionId) || this.#over.has(details.sessionId)) return;
        this.#add(details).follow();
        this.dispatchEvent(new Event("progressed"));
        this.#changed();
    }

    /**
     * Put an import into the modal.
     *
     * @param {string} sessionId
     */
    show(sessionId) {
        const before = this.shown;
        this.#shownId = sessionId;
        session.put(SHOWN_KEY, sessionId);
        if (before?.ended && before.sessionId !== sessionId) this.dismiss(before.sessionId);
        this.#changed();
    }

    /** Close the modal. One that runs goes on in the background. */
    hide() {
        const run = this.shown;
        this.#shownId = null;
        session.put(SHOWN_KEY, null);
        if (run?.ended) this.dismiss(run.sessionId);
        this.#changed();
    }

    /**
     * Follow an import no more.
     *
     * @param {string} sessionId
     */
    dismiss(sessionId) {
        this.#runs.get(sessionId)?.stop();
        this.#runs.delete(sessionId);
        this.#over.add(sessionId);
        this.#forget(sessionId);
        if (this.#shownId === sessionId) this.hide();
        if (this.#runs.size === 0) this.#client.disconnect(); // an idle page costs the server nothing
        this.#changed();
    }

    #add(details) {
        const run = new ImportRun(this.#client, details);
        this.#runs.set(run.sessionId, run);
        let kind = run.view.kind;
        run.addEventListener("change", () => {
            if (run.view.kind !== kind) {
                kind = run.view.kind;
                this.#entered(run);
            }
            this.#changed();
        });
        run.addEventListener("unknown", () => this.dismiss(run.sessionId));
        return run;
    }

    #entered(run) {
        if (run.ended) {
            this.#forget(run.sessionId);
            if (run.view.kind === "completed" && !run.view.hasRejects) setTimeout(() => this.#sayFarewell(run), FAREWELL_MS);
        } else if (run.view.kind !== "uploading") {
            this.#remember(run);
        }
        this.dispatchEvent(new Event("progressed"));
    }

    #sayFarewell(run) {
        if (this.#runs.get(run.sessionId) === run && run !== this.shown) this.dismiss(run.sessionId);
    }

    #remember({ view: { sessionId, filename, importId } }) {
        const others = local.json(RUNNING_KEY, []).filter((known) => known.sessionId !== sessionId);
        local.put(RUNNING_KEY, [...others, { sessionId, filename, importId }]);
    }

    #forget(sessionId) {
        local.put(RUNNING_KEY, local.json(RUNNING_KEY, []).filter((known) => known.sessionId !== sessionId));
    }

    #changed() {
        this.dispatchEvent(new Event("change"));
    }
}
