import { imports } from "./imports.js";

const RING = 2 * Math.PI * 13;

/**
 * Shows the progress of the import, or that it needs confirmation, in the title and icon of the browser tab.
 */
class Tab {
    #title;
    #icon;
    #address;
    #show = () => this.#draw();

    /** Start showing it. */
    start() {
        this.#title = document.title;
        this.#icon = document.querySelector('link[rel="icon"]');
        this.#address = this.#icon.href;
        imports.addEventListener("change", this.#show);
        this.#draw();
    }

    #draw() {
        const view = mostUrgent(imports.all.map((run) => run.view));
        const title = view === null ? this.#title : `${tabText(view)} · ${this.#title}`;
        if (document.title !== title) document.title = title;
        const address = view === null ? this.#address : ringAddress(view.percent);
        if (this.#icon.href !== address) this.#icon.href = address;
    }
}

/**
 * @param {import("./view.js").ProgressView[]} views
 * @returns {import("./view.js").ProgressView | null} one that needs confirmation, else the first that is running
 */
export function mostUrgent(views) {
    return views.find(({ kind }) => kind === "awaiting") ?? views.find(({ kind }) => ["uploading", "waiting", "running"].includes(kind)) ?? null;
}

/**
 * @param {import("./view.js").ProgressView} view
 * @returns {string}
 */
export function tabText(view) {
    if (view.kind === "awaiting") return view.isPreview ? "Preview" : "Please confirm";
    return `${view.percent}%`;
}

/** Draw the progress as a ring, and return the URL of the image. */
function ringAddress(percent) {
    const ring = (colour, length) =>
        `<circle cx="16" cy="16" r="13" fill="none" stroke="${colour}" stroke-width="6" stroke-dasharray="${length} ${RING}" transform="rotate(-90 16 16)"/>`;
    const image = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">${ring("#9db2c9", RING)}${ring("#066fd1", (RING * percent) / 100)}</svg>`;
    return `data:image/svg+xml,${encodeURIComponent(image)}`;
}

/** The tab of this page. */
export const tab = new Tab();
