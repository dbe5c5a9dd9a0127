/**
 * JSON requests, and uploads with progress.
 */
import { signIn } from "./sign-in.js";

/** A request that failed, with the sentence to show. */
export class ApiError extends Error {
    /**
     * @param {string} code from the documented list, or `NETWORK` or `HTTP_<status>`
     * @param {string} detail one plain sentence
     * @param {number} [status] 0 if there was no response
     */
    constructor(code, detail, status = 0) {
        super(detail);
        this.name = "ApiError";
        this.code = code;
        this.detail = detail;
        this.status = status;
    }

    /** Whether the response was lost, so that it is unknown whether the request succeeded. */
    get answerLost() {
        return ["NETWORK", "HTTP_502", "HTTP_503", "HTTP_504"].includes(this.code);
    }
}

/** @returns {ApiError} for a request without a response */
function unreachable() {
    return new ApiError("NETWORK", "The server cannot be reached. Please check the connection and try again.");
}

/** Messages for responses that a proxy in between sent instead of the server. */
const OF_A_PROXY = {
    401: "A proxy in front of the server requires you to sign in. Please reload the page.",
    403: "A proxy in front of the server refused the request.",
    413: "A proxy in front of the server does not accept files of this size. Its administrator can raise the limit (nginx: client_max_body_size).",
    502: "The proxy in front of the server cannot reach it; it may be starting. Please try again in a moment.",
    503: "The proxy in front of the server cannot reach it; it may be starting. Please try again in a moment.",
    504: "The proxy in front of the server got no response in time. Please check whether the action was carried out.",
};

/**
 * Return the error in a response. A proxy in between may send a page of its own instead.
 *
 * @param {number} status
 * @param {*} body the parsed answer, if it was JSON
 * @returns {ApiError}
 */
export function errorFrom(status, body) {
    const refused = OF_A_PROXY[status] ?? `The server refused the request (status ${status}).`;
    const { code = `HTTP_${status}`, detail = refused } = body?.error ?? {};
    return new ApiError(code, detail, status);
}

/**
 * Return the error in a response, and notify the page if the login has ended.
 *
 * @param {number} status
 * @param {*} body
 * @returns {ApiError}
 */
function failure(status, body) {
    const error = errorFrom(status, body);
    if (["SIGN_IN_NEEDED", "HTTP_401"].includes(error.code)) signIn.end();
    return error;
}

/**
 * @param {string} path below the server's root
 * @param {{method?: string, json?: object, form?: FormData, signal?: AbortSignal}} [options] `json` or `form` is the body
 * @returns {Promise<*>} the parsed answer; null if it has no content
 * @throws {ApiError}
 */
export async function request(path, { method = "GET", json, form, signal } = {}) {
    const headers = { Accept: "application/json", ...(json && { "Content-Type": "application/json" }) };
    let response;
    try {
        response = await fetch(path, { method, signal, headers, body: json ? JSON.stringify(json) : form, redirect: "manual" });
    } catch (error) {
        throw error.name === "AbortError" ? error : unreachable();
    }
    if (response.type === "opaqueredirect") throw failure(401, null); // the API never redirects, but a proxy does, to its sign-in page
    if (response.status === 204) return null;
    const body = await parsed(response);
    if (!response.ok || body === null) throw failure(response.status, body);
    return body;
}

/** @returns {Promise<*>} the parsed body; null if it is not JSON */
async function parsed(response) {
    try {
        return await response.json();
    } catch (error) {
        if (error.name === "SyntaxError") return null;
        throw error.name === "AbortError" ? error : unreachable();
    }
}

/** @returns {ApiError} for an upload that was stopped */
export function aborted() {
    return new ApiError("ABORTED", "The upload was cancelled; nothing was imported.");
}

/**
 * An upload. Uses XMLHttpRequest, because fetch does not report how much has been sent.
 */
export class Upload {
    #request = new XMLHttpRequest();
    #path;

    /** Whether every byte has been sent; from then on it may be too late to abort. */
    sent = false;

    /** @param {string} path below the server's root */
    constructor(path) {
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
                else reject(failure(request.status, body));
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
