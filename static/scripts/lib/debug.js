import { local } from "./storage.js";

/**
 * Write to the console while `localStorage.hextrackr_debug` is `"true"`. This is checked at each call, so that a change takes effect
 * immediately.
 *
 * @param {...*} details
 */
export function debug(...details) {
    if (local.text("hextrackr_debug") === "true") console.log("[hextrackr]", ...details);
}
