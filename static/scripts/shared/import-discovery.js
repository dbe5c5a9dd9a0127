import { request } from "./api.js";
import { debug } from "./debug.js";

const PATH = "/api/imports?unfinished=true&limit=10";
const EVERY_MS = 5_000;

/**
 * Finds the imports that run on the server, whoever started them, so that every page shows them.
 */
export class ImportDiscovery {
    #runs;
    #timer = null;
    #requests = null;
    #look = () => this.#ask();
    #seen = () => document.visibilityState === "visible" && this.#ask();

    /** @param {import("./import-runs.js").ImportRuns} runs told of what is found */
    constructor(runs) {
        this.#runs = runs;
    }

    start() {
        document.addEventListener("visibilitychange", this.#seen);
        addEventListener("storage", this.#look); // another tab has begun something
        this.#runs.addEventListener("progressed", this.#look); // who has begun something waits for what others have begun
        this.#ask();
    }

    stop() {
        document.removeEventListener("visibilitychange", this.#seen);
        removeEventListener("storage", this.#look);
        this.#runs.removeEventListener("progressed", this.#look);
        clearTimeout(this.#timer);
        this.#requests?.abort();
    }

    async #ask() {
        clearTimeout(this.#timer);
        this.#requests?.abort();
        const { signal } = (this.#requests = new AbortController());
        try {
            if (document.visibilityState === "visible") this.#tell(await request(PATH, { signal }));
        } catch (error) {
            if (error.name === "AbortError") return;
            debug("the imports that run could not be asked for:", error.message);
        }
        if (!signal.aborted) this.#timer = setTimeout(this.#look, EVERY_MS);
    }

    #tell({ data }) {
        for (const record of data.toReversed()) this.#runs.found(record);
    }
}
