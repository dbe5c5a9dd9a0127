import { find, setItems, setText } from "../lib/dom.js";
import { ConnectedElement } from "../lib/element.js";
import { count, duration } from "../lib/format.js";
import "./import-answers.js";
import { imports } from "./imports.js";
import { FIGURES } from "./view.js";

const TITLES = {
    uploading: "Uploading",
    waiting: "Waiting to start",
    running: "Importing",
    awaiting: "Please confirm",
    completed: "Import complete",
    failed: "Import failed",
    cancelled: "Import cancelled",
};
const PREVIEW = "Preview";
const WITH_REJECTS = "Import complete, with rejected rows";
/** The figures that are shown even if they are zero. */
const ALWAYS = new Set(["inserted", "resolved", "open"]);
const ANNOUNCED_MESSAGE = new Set(["waiting", "awaiting", "failed", "cancelled"]);

const PARTS = [
    "title", "filename", "percent", "bar", "message", "live", "warning", "notice", "error", "error-code", "amount-label", "rows", "rate",
    "eta", "figures", "differences", "rejects", "details", "map", "duration", "countdown", "steps", "reasons", "warnings", "left-out",
    "page", "cancel", "confirm", "close", "minimise", "findings", "new", "another", "retry",
];

/**
 * The modal dialog of one import: shows its progress and passes on the user's actions.
 */
class ProgressModal extends ConnectedElement {
    #dialog;
    #parts;
    #answers;
    #autoClose;
    #rendered = { sessionId: null, kind: null };

    connectedCallback() {
        super.connectedCallback();
        this.#dialog = find(this, "dialog");
        this.#parts = Object.fromEntries(PARTS.map((name) => [name, find(this, `[data-progress-${name}]`)]));
        this.#answers = find(this, "import-answers");
        this.#answers.answer = async (answer) => (await imports.shown?.confirm(answer)) ?? false;
        this.#autoClose = new AutoClose(this.#dialog, this.#parts.countdown, () => imports.hide());
        this.listen(imports, "change", () => this.#draw());
        this.listen(this.#dialog, "cancel", (event) => {
            event.preventDefault(); // #draw closes it
            imports.hide();
        });
        this.listen(this.#dialog, "close", () => {
            if (!this.#dialog.open && imports.shown) imports.hide(); // a browser may close a dialog by itself, and reports it only afterwards
        });
        this.listen(this.#parts.cancel, "click", () => imports.shown?.cancel());
        this.listen(this.#parts.confirm, "click", () => imports.shown?.confirm());
        for (const button of [this.#parts.close, this.#parts.minimise]) this.listen(button, "click", () => imports.hide());
        this.listen(this.#parts.retry, "click", () => imports.retry(imports.shown.sessionId));
        this.listen(this.#parts.another, "click", () => {
            imports.hide();
            find(document, "import-sheet").browse();
        });
        this.listen(this.#dialog, "click", (event) => this.#left(event));
        this.#draw();
    }

    disconnectedCallback() {
        super.disconnectedCallback();
        this.#autoClose.stop();
        this.#dialog.close();
    }

    /** Close the modal when a link in it is followed, unless the link opens another tab or a download. */
    #left(event) {
        const link = event.target.closest("a[href]");
        if (link === null || link === this.#parts.rejects || event.ctrlKey || event.metaKey || event.shiftKey) return;
        imports.hide();
        imports.putBatchAside();
    }

    #draw() {
        const run = imports.shown;
        if (run === null) {
            this.#autoClose.stop();
            this.#rendered = { sessionId: null, kind: null };
            this.#dialog.close();
            return;
        }
        this.#drawProgress(run.view);
        this.#drawEnd(run);
        this.#drawButtons(run);
        this.#drawNext(run);
        if (!this.#dialog.open) this.#dialog.showModal();
        if (run.sessionId !== this.#rendered.sessionId || run.view.kind !== this.#rendered.kind) this.#entered(run);
        this.#announce(run.view);
        this.#rendered = { sessionId: run.sessionId, kind: run.view.kind };
    }

    #drawProgress(view) {
        const parts = this.#parts;
        this.#dialog.dataset.state = view.kind;
        this.#dialog.toggleAttribute("data-with-rejects", view.hasRejects);
        this.#dialog.toggleAttribute("data-preview", view.kind === "awaiting" && view.isPreview);
        setText(parts.title, titleOf(view));
        setText(parts.filename, view.filename);
        parts.filename.title = view.filename; // it may be cut off
        setText(parts.percent, `${view.percent}%`);
        parts.bar.setAttribute("aria-valuenow", view.percent);
        parts.bar.setAttribute("aria-valuetext", `${view.percent}%, ${view.stepLabel}`);
        parts.bar.firstElementChild.style.width = `${view.percent}%`;
        setText(parts.message, view.message);
        setText(parts["amount-label"], view.kind === "uploading" ? "Sent" : "Rows");
        setText(parts.rows, view.amountText || "–");
        setText(parts.rate, view.rateText || "–");
        setText(parts.eta, view.etaText || "–");
        for (const [index, step] of [...parts.steps.children].entries()) {
            step.dataset.status = index < view.step ? "done" : index === view.step ? "current" : "ahead";
            if (index === view.step) step.setAttribute("aria-current", "step");
            else step.removeAttribute("aria-current");
        }
    }

    #drawEnd({ view, warning, notice }) {
        const parts = this.#parts;
        setText(parts.warning, warning);
        setText(parts.notice, notice);
        setText(parts.error, view.kind === "failed" ? view.error.detail : "");
        setText(parts["error-code"], view.kind === "failed" ? view.error.code : "");
        setText(parts.duration, view.kind === "completed" && view.duration !== null ? `Done in ${duration(view.duration)}` : "");
        setText(parts.differences, view.differences);
        setItems(parts.reasons, view.reasons);
        setItems(parts.warnings, view.warnings);
        setText(parts["left-out"], view.leftOut);
        for (const link of [parts.details, parts.page]) link.href = `/imports/${view.importId}`;
        parts.details.hidden = view.importId === null;
        if (view.figures === null) return;
        this.#drawFigures({ open: view.openAfter, ...view.figures });
        parts.rejects.parentElement.hidden = view.figures.rejected === 0 || view.importId === null;
        parts.rejects.href = `/api/imports/${view.importId}/rejects.csv`;
    }

    /** Hide figures that are zero, except the most important ones: new, resolved and open findings. */
    #drawFigures(figures) {
        const isEmpty = Object.values(figures).every((value) => !value);
        for (const [name, value] of Object.entries(figures)) {
            const figure = find(this.#parts.figures, `[data-figure="${name}"]`);
            setText(figure, count(value));
            figure.dataset.zero = value === 0;
            figure.parentElement.hidden = isEmpty || value === null || (value === 0 && !ALWAYS.has(name));
        }
        this.#parts.figures.hidden = isEmpty;
    }

    /** The actions after the end. */
    #drawNext({ view, canRetry, busy }) {
        const { findings, new: added, another, retry, map } = this.#parts;
        const isComplete = view.kind === "completed" && view.importId !== null;
        findings.hidden = !isComplete || view.sourceId === null;
        findings.href = `/vulnerabilities?source=${view.sourceId}`;
        added.hidden = !isComplete || view.figures.inserted === 0;
        added.href = `/vulnerabilities?state=all&changedBy=${view.importId}&change=opened`;
        map.hidden = view.error?.code !== "UNKNOWN_FORMAT" || view.importId === null;
        map.href = `/imports/${view.importId}/mapping`;
        retry.hidden = !canRetry;
        retry.disabled = busy;
        another.hidden = view.kind !== "failed" || canRetry;
        another.classList.toggle("btn-primary", map.hidden);
    }

    #drawButtons({ view, ended, busy }) {
        const { cancel, confirm, close, minimise } = this.#parts;
        confirm.hidden = view.kind !== "awaiting";
        cancel.hidden = ended;
        cancel.disabled = busy || !view.canCancel;
        confirm.disabled = busy;
        this.#answers.show({ mode: view.mode, wouldResolve: view.figures?.resolved, busy });
        setText(close, ended ? "Close" : view.kind === "awaiting" ? "Decide later" : "Continue in background");
        minimise.setAttribute("aria-label", close.textContent);
    }

    #announce(view) {
        const end = ANNOUNCED_MESSAGE.has(view.kind) ? [view.message, ...view.reasons].join(" ") : "";
        const figures = view.figures && [FIGURES.map((name) => `${count(view.figures[name])} ${name}`).join(", "), view.leftOut].filter(Boolean).join(". ");
        const text = [titleOf(view), end || figures || view.stepLabel].join(": ");
        setText(this.#parts.live, [text, this.#autoClose.sentence].filter(Boolean).join(". "));
    }

    /** On another import or state, move the focus to the next action; after an end without rejected rows, start the countdown to close. */
    #entered({ view, ended }) {
        this.#autoClose.stop();
        if (ended) this.#parts.close.focus();
        else if (!this.#dialog.contains(document.activeElement)) this.#parts.title.focus();
        if (view.kind === "completed" && this.#isSeenAtAGlance(view)) this.#autoClose.start();
    }

    /** Whether there is nothing to read, and the user navigates with neither keyboard nor screen reader, for whom browsers show the focus. */
    #isSeenAtAGlance({ hasRejects, warnings, leftOut }) {
        return !hasRejects && warnings.length === 0 && leftOut === "" && !this.#parts.close.matches(":focus-visible");
    }
}

function titleOf(view) {
    if (view.kind === "awaiting" && view.isPreview) return PREVIEW;
    return view.hasRejects ? WITH_REJECTS : TITLES[view.kind];
}

/**
 * Closes a dialog after a while, unless the user does something in it.
 */
class AutoClose {
    #dialog;
    #countdown;
    #close;
    #timer = null;
    #events = ["pointermove", "pointerdown", "keydown", "focusin", "wheel"];
    #keepOpen = () => this.stop();

    /**
     * @param {HTMLDialogElement} dialog `data-auto-close-ms` is the delay; 0 never closes it
     * @param {HTMLElement} countdown shows the remaining seconds
     * @param {() => void} close
     */
    constructor(dialog, countdown, close) {
        this.#dialog = dialog;
        this.#countdown = countdown;
        this.#close = close;
    }

    /** @returns {string} what a screen reader is to say while the countdown runs: its reader may move about without the page noticing */
    get sentence() {
        return this.#timer === null ? "" : `This closes in ${this.#ms / 1000} seconds. Press any key to keep it open`;
    }

    get #ms() {
        return Number(this.#dialog.dataset.autoCloseMs);
    }

    /** Begin to count down. */
    start() {
        if (this.#timer !== null || !(this.#ms > 0)) return;
        const end = performance.now() + this.#ms;
        const tick = () => {
            const left = end - performance.now();
            if (left <= 0) {
                this.stop();
                this.#close();
            } else {
                this.#countdown.textContent = `Closes in ${Math.ceil(left / 1000)} s`;
                this.#timer = setTimeout(tick, left % 1000 || 1000);
            }
        };
        for (const event of this.#events) this.#dialog.addEventListener(event, this.#keepOpen);
        tick();
    }

    /** Stay open. */
    stop() {
        clearTimeout(this.#timer);
        this.#timer = null;
        this.#countdown.textContent = "";
        for (const event of this.#events) this.#dialog.removeEventListener(event, this.#keepOpen);
    }
}

customElements.define("progress-modal", ProgressModal);
