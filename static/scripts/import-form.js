import { find, setText } from "./shared/dom.js";
import { bytes } from "./shared/format.js";

/**
 * The drop zone and its options. A file that is chosen, or dropped anywhere on the page, is imported at once.
 */
export class ImportForm {
    #form;
    #runs;
    #input;
    #error;
    #maxBytes;
    #depth = 0; // of dragenter without dragleave: both fire for every element that the pointer crosses
    #onChoose = () => {
        this.#import([...this.#input.files]);
        this.#input.value = ""; // so that choosing the same file again is a change
    };
    #onSubmit = (event) => event.preventDefault();
    #drag = {
        dragenter: (event) => this.#hover(event, 1),
        dragleave: (event) => this.#hover(event, -1),
        dragover: (event) => carriesFiles(event) && event.preventDefault(),
        drop: (event) => this.#drop(event),
    };

    /**
     * @param {HTMLFormElement} form `data-max-bytes` is the largest upload that the server takes
     * @param {{runs: import("./shared/import-runs.js").ImportRuns}} page
     */
    constructor(form, { runs }) {
        this.#form = form;
        this.#runs = runs;
        this.#input = find(form, "input[type=file]");
        this.#error = find(form, "[data-import-error]");
        this.#maxBytes = Number(form.dataset.maxBytes);
    }

    start() {
        this.#input.addEventListener("change", this.#onChoose);
        this.#form.addEventListener("submit", this.#onSubmit);
        for (const [event, listener] of Object.entries(this.#drag)) document.addEventListener(event, listener);
    }

    stop() {
        this.#input.removeEventListener("change", this.#onChoose);
        this.#form.removeEventListener("submit", this.#onSubmit);
        for (const [event, listener] of Object.entries(this.#drag)) document.removeEventListener(event, listener);
    }

    #hover(event, change) {
        if (!carriesFiles(event)) return;
        event.preventDefault();
        this.#depth = Math.max(0, this.#depth + change);
        this.#form.toggleAttribute("data-dragging", this.#depth > 0);
    }

    #drop(event) {
        if (!carriesFiles(event)) return;
        event.preventDefault();
        this.#depth = 0;
        this.#form.removeAttribute("data-dragging");
        this.#import([...event.dataTransfer.files]);
    }

    #import(files) {
        setText(this.#error, files.map((file) => this.#refusal(file)).filter(Boolean).join(" "));
        this.#runs.upload(files.filter((file) => !this.#refusal(file)), () => this.#options());
    }

    /** Why a file need not even be sent; empty when it may be. */
    #refusal({ name, size }) {
        if (size === 0) return `${name} is empty.`;
        if (this.#maxBytes > 0 && size > this.#maxBytes) {
            return `${name} is too large: it has ${bytes(size)}, and this server takes ${bytes(this.#maxBytes)} at the most.`;
        }
        return "";
    }

    #options() {
        const form = new FormData(this.#form);
        for (const [name, value] of [...form]) {
            if (value === "") form.delete(name);
        }
        return form;
    }
}

function carriesFiles(event) {
    return event.dataTransfer?.types.includes("Files") ?? false;
}
