/**
 * Requests to the server's JSON interface.
 */

/** A request that failed, with the sentence to show. */
export class ApiError extends Error {
    /**
     * @param {string} code from the documented list, or `NETWORK` or `HTTP_<status>`
     * @param {string} detail one plain sentence
     * @param {number} [status] 0 when no answer came
     */
    constructor(code, detail, status = 0) {
        super(detail);
        this.name = "ApiError";
        this.code = code;
        this.detail = detail;
        this.status = status;
    }
}

/** @returns {ApiError} for a request that got no answer */
export function unreachable() {
    return new ApiError("NETWORK", "The server cannot be reached. Please check the connection and try again.");
}

/**
 * The error that an answer carries. A proxy in between may answer with a page of its own instead of ours.
 *
 * @param {number} status
 * @param {*} body the parsed answer, if it was JSON
 * @returns {ApiError}
 */
export function errorFrom(status, body) {
    const { code = `HTTP_${status}`, detail = `The server refused the request (status ${status}).` } = body?.error ?? {};
    return new ApiError(code, detail, status);
}

/**
 * @param {string} path below the server's root
 * @param {{method?: string, json?: object, signal?: AbortSignal}} [options] `json` is the body
 * @returns {Promise<*>} the parsed answer
 * @throws {ApiError}
 */
export async function request(path, { method = "GET", json, signal } = {}) {
    const headers = { Accept: "application/json", ...(json && { "Content-Type": "application/json" }) };
    let response;
    try {
        response = await fetch(path, { method, signal, headers, body: json && JSON.stringify(json) });
    } catch (error) {
        throw error.name === "AbortError" ? error : unreachable();
    }
    const body = await response.json().catch(() => null);
    if (!response.ok || body === null) throw errorFrom(response.status, body);
    return body;
}
