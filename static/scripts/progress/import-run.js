import { Upload, aborted, request } from "../lib/http.js";
import { newUuid } from "../lib/uuid.js";
import { ProgressFollower } from "./follower.js";
import { acceptedView, endedView, isTerminal, isWorthRetrying, nextView, resumedView, uploadingView, waitingView } from "./view.js";

const UPLOAD_PATH = "/api/vulnerabilities/import-staging";
const JOIN_WITHIN_MS = 2_000;

/**
 * One import on this page, from the upload to its end. It has the state and reports changes, but does not change the page.
 *
 * Events: `change`; `unknown` if the session does not exist on the server.
 */
export class ImportRun extends EventTarget {
    #follower;
    #upload = null;
    #cancelOnceStored = false;
    #form = null;

    /** The file, while this page has it. */
    file = null;

    /** A sentence about a problem with the connection; empty if there is none. */
    warning = "";

    /** A sentence that says why an action failed. */
    notice = "";

    /** Whether the request of an action is in progress. */
    busy = false;

    /**
     * @param {import("./websocket-client.js").WebSocketClient} client
     * @param {{sessionId?: string, filename: string, importId?: number | null, uploadShare?: number, percent?: number, size?: number}} details a
     *   new session by default; `percent` only if it was running when it was last shown
     */
    constructor(client, { sessionId = newUuid(), filename, importId = null, uploadShare = 0, percent, size = 0 }) {
        super();
        this.size = size;
        const details = { sessionId, filename, importId, uploadShare };
        this.view = percent === undefined ? waitingView(details) : resumedView({ ...details, percent });
        this.#follower = new ProgressFollower(client, sessionId, {
            onSnapshot: (snapshot) => this.#show(nextView(this.view, snapshot)),
            onUnknown: () => this.dispatchEvent(new Event("unknown")),
            onWarning: (text) => this.#warn(text),
        });
    }

    get sessionId() {
        return this.view.sessionId;
    }

    get ended() {
        return isTerminal(this.view);
    }

    /** @returns {object} what another page needs to show it again */
    get details() {
        const { sessionId, filename, importId, uploadShare, kind, percent } = this.view;
        return { sessionId, filename, importId, uploadShare, size: this.size, ...(kind === "running" && { percent }) };
    }

    /** @returns {boolean} whether another attempt may succeed, and its file is available: on this page or, after a failure, on the server */
    get canRetry() {
        const hasFile = this.file !== null || (this.view.kind === "failed" && this.view.importId !== null);
        return hasFile && isWorthRetrying(this.view);
    }

    /** Follow an import that exists on the server. */
    follow() {
        this.#follower.start();
        this.#follower.expect();
        this.#follower.ask();
    }

    /**
     * Join, upload and follow. The room is joined before the upload, so that no event of a quick import is missed; a slow connection does
     * not delay the upload.
     *
     * @param {File} file
     * @param {FormData} form the other fields
     * @param {Promise<void> | null} before resolves when the files before it have been sent
     */
    async upload(file, form, before) {
        this.file = file;
        this.size = file.size;
        this.#form = form;
        this.#upload = new Upload(UPLOAD_PATH);
        form.set("sessionId", this.sessionId);
        form.delete("csvFile");
        form.append("csvFile", file); // last, so that the server has the other fields when the file arrives
        const toSend = { loaded: 0, total: file.size, elapsed: 0 };
        this.#show(uploadingView(this.view, { ...toSend, waits: before !== null }));
        await before;
        if (this.ended) return; // cancelled meanwhile
        this.#show(uploadingView(this.view, toSend));
        await Promise.race([this.#follower.start(), new Promise((resolve) => setTimeout(resolve, JOIN_WITHIN_MS))]);
        if (this.ended) return; // cancelled meanwhile
        const begun = performance.now();
        try {
            const accepted = await this.#upload.send(form, (loaded, total) => this.#uploading(loaded, total, performance.now() - begun));
            this.#show(acceptedView(this.view, accepted));
            this.#follower.expect();
        } catch (error) {
            await this.#uploadFailed(error);
        } finally {
            this.#upload = null;
        }
        if (this.#cancelOnceStored && !this.ended) await this.cancel();
    }

    /** Stop the upload or the import. */
    async cancel() {
        if (this.#upload === null) {
            await this.#ask("cancel");
        } else if (this.#upload.sent) {
            this.#cancelOnceStored = true; // the file may already be stored, and then only the server can cancel the import
            this.busy = true;
            this.#changed();
        } else {
            this.#upload.abort();
            this.#show(endedView(this.view, aborted(), "cancelled"));
        }
    }

    /**
     * Answer the import's question.
     *
     * @param {{source?: string, mode?: "delta"}} [answer] by default, confirms the import as shown
     * @returns {Promise<boolean>} whether the answer was accepted; if not, `notice` says why
     */
    confirm(answer) {
        return this.#ask("confirm", answer);
    }

    /**
     * Try the import again: on the server if it still has the file, else with another upload.
     *
     * @returns {Promise<object | null>} the details of the new import, or the `file` to be sent with its `form`; null if neither has the
     *   file any more, and then `notice` says so
     */
    async retry() {
        this.busy = true;
        this.notice = "";
        this.#changed();
        try {
            if (this.view.importId === null) return this.#toSend();
            return await request(`/api/imports/${this.view.importId}/retry`, { method: "POST" });
        } catch (error) {
            const toSend = error.code === "NOT_RETRYABLE" ? this.#toSend() : null;
            if (toSend === null) this.notice = error.detail;
            return toSend;
        } finally {
            this.busy = false;
            this.#changed();
        }
    }

    #toSend() {
        return this.file && { file: this.file, form: this.#form };
    }

    /** Stop following; the import itself continues. */
    stop() {
        this.#follower.stop();
    }

    #uploading(loaded, total, elapsed) {
        if (this.view.kind === "uploading") this.#show(uploadingView(this.view, { loaded, total, elapsed }));
    }

    /** If only the response was lost, the server may have the file, and the import may be running. */
    async #uploadFailed(error) {
        const answerLost = error.answerLost && this.#upload.sent;
        const snapshot = answerLost ? await this.#follower.find() : null;
        if (this.ended) return;
        if (snapshot !== null) this.#show(nextView(this.view, snapshot));
        else if (!answerLost || this.view.kind === "uploading") this.#show(endedView(this.view, error));
        if (!this.ended) this.#follower.expect();
    }

    async #ask(action, json) {
        this.busy = true;
        this.notice = "";
        this.#changed();
        try {
            await request(`/api/imports/${this.view.importId}/${action}`, { method: "POST", json });
        } catch (error) {
            this.notice = error.code === "ALREADY_FINISHED" ? "It was too late to cancel: the import had already finished." : error.detail;
        }
        this.busy = false;
        this.#changed();
        if (!this.ended) await this.#follower.ask();
        return this.notice === "";
    }

    #warn(text) {
        if (this.ended || text === this.warning) return;
        this.warning = text;
        this.#changed();
    }

    #show(view) {
        if (view === this.view) return;
        this.view = view;
        if (this.ended) {
            this.warning = "";
            this.busy = false;
            this.#follower.stop();
        }
        this.#changed();
    }

    #changed() {
        this.dispatchEvent(new Event("change"));
    }
}
