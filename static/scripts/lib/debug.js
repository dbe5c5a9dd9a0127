import { local } from "./storage.js";

/**
 * Write to the console while `localStorage.hextrackr_debug` is `"true"`; asked at each call, so that setting or removing
 * it takes effect at once.
 *
 * @param {...*} details
 */
export function debug(...details) {
    if (local.text("hextrackr_debug") === "true") console.log("[hextrackr]", ...details);
}
