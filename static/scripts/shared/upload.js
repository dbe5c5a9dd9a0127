import { ApiError, errorFrom, unreachable } from "./api.js";

/** @returns {ApiError} for an upload that the user stopped */
export function aborted() {
    return new ApiError("ABORTED", "The upload was cancelled; nothing was imported.");
}

/**
 * One upload. XMLHttpRequest, because fetch does not tell how much has been sent.
 */
export class Upload {
    #request = new XMLHttpRequest();
    #path;

    /** Whether every byte has left; from then on aborting may come too late. */
    sent = false;

    /** @param {string} [path] where it goes; by default it is an export to be imported */
    constructor(path = "/api/vulnerabilities/import-staging") {
        this.#path = path;
    }

    /**
     * @param {FormData} form
     * @param {(loaded: number, total: number) => void} onProgress in bytes
     * @returns {Promise<object>} the server's answer
     * @throws {ApiError} `ABORTED` after {@link abort}
     */
    send(form, onProgress) {
        const request = this.#request;
        return new Promise((resolve, reject) => {
            request.upload.addEventListener("progress", ({ loaded, total }) => onProgress(loaded, total));
            request.upload.addEventListener("load", () => (this.sent = true));
            request.addEventListener("abort", () => reject(aborted()));
            request.addEventListener("error", () => reject(unreachable()));
            request.addEventListener("load", () => {
                const body = request.response;
                if (request.status < 300 && body) resolve(body);
                else reject(errorFrom(request.status, body));
            });
            request.responseType = "json";
            request.open("POST", this.#path);
            request.setRequestHeader("Accept", "application/json");
            request.send(form);
        });
    }

    /** Stop sending; the promise of {@link send} rejects. */
    abort() {
        this.#request.abort();
    }
}
