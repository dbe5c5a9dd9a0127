import { AutoClose } from "./auto-close.js";
import { find, setItems, setText } from "./dom.js";
import { count, duration } from "./format.js";
import { FIGURES } from "./progress-state.js";
import { WaysOut } from "./ways-out.js";

const TITLES = {
    uploading: "Uploading",
    waiting: "Waiting to start",
    running: "Importing",
    awaiting: "Please confirm",
    completed: "Import complete",
    failed: "Import failed",
    cancelled: "Import cancelled",
};
const WITH_REJECTS = "Import complete, with rejected rows";
const ANNOUNCED_MESSAGE = new Set(["waiting", "awaiting", "failed", "cancelled"]);

/**
 * The modal that Jinja has rendered: shows one import and passes on what the reader wants of it.
 */
export class ProgressModal {
    #dialog;
    #runs;
    #parts;
    #autoClose;
    #waysOut;
    #rendered = { sessionId: null, kind: null };
    #render = () => this.#draw();
    #onCancel = () => this.#runs.shown?.cancel();
    #onConfirm = () => this.#runs.shown?.confirm();
    #onClose = () => this.#runs.hide();
    #onEscape = (event) => {
        event.preventDefault(); // #draw closes it, at once
        this.#runs.hide();
    };
    /** A browser may insist on closing a dialog and then only says so afterwards. */
    #onClosed = () => {
        if (!this.#dialog.open && this.#runs.shown) this.#runs.hide();
    };

    /**
     * @param {HTMLDialogElement} dialog
     * @param {{runs: import("./import-runs.js").ImportRuns}} page
     */
    constructor(dialog, { runs }) {
        this.#dialog = dialog;
        this.#runs = runs;
        const names = ["title", "filename", "percent", "bar", "message", "live", "warning", "notice", "error", "error-code"];
        names.push("amount-label", "rows", "rate", "eta", "figures", "differences", "rejects", "details", "map", "duration", "countdown", "steps");
        names.push("reasons", "warnings", "left-out", "page", "cancel", "confirm", "close", "minimise");
        this.#parts = Object.fromEntries(names.map((name) => [name, find(dialog, `[data-progress-${name}]`)]));
        this.#waysOut = new WaysOut(dialog, async (said) => (await runs.shown?.confirm(said)) ?? false);
        this.#autoClose = new AutoClose(dialog, { countdown: this.#parts.countdown, close: () => runs.hide() });
    }

    start() {
        this.#waysOut.start();
        this.#listen("addEventListener");
        this.#draw();
    }

    stop() {
        this.#waysOut.stop();
        this.#listen("removeEventListener");
        this.#autoClose.stop();
        this.#dialog.close();
    }

    #listen(method) {
        this.#runs[method]("change", this.#render);
        this.#dialog[method]("cancel", this.#onEscape);
        this.#dialog[method]("close", this.#onClosed);
        this.#parts.cancel[method]("click", this.#onCancel);
        this.#parts.confirm[method]("click", this.#onConfirm);
        this.#parts.close[method]("click", this.#onClose);
        this.#parts.minimise[method]("click", this.#onClose);
    }

    #draw() {
        const run = this.#runs.shown;
        if (run === null) {
            this.#autoClose.stop();
            this.#rendered = { sessionId: null, kind: null };
            this.#dialog.close();
            return;
        }
        this.#drawProgress(run.view);
        this.#drawEnd(run);
        this.#drawButtons(run);
        this.#announce(run.view);
        if (!this.#dialog.open) this.#dialog.showModal();
        if (run.sessionId !== this.#rendered.sessionId || run.view.kind !== this.#rendered.kind) this.#entered(run);
        this.#rendered = { sessionId: run.sessionId, kind: run.view.kind };
    }

    #drawProgress(view) {
        const parts = this.#parts;
        this.#dialog.dataset.state = view.kind;
        this.#dialog.toggleAttribute("data-with-rejects", view.hasRejects);
        setText(parts.title, titleOf(view));
        setText(parts.filename, view.filename);
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
        parts.map.href = `/imports/${view.importId}/mapping`;
        parts.map.hidden = view.error?.code !== "UNKNOWN_FORMAT";
        if (view.figures === null) return;
        for (const name of FIGURES) {
            const figure = find(parts.figures, `[data-figure="${name}"]`);
            setText(figure, count(view.figures[name]));
            figure.dataset.zero = view.figures[name] === 0;
        }
        parts.rejects.parentElement.hidden = view.figures.rejected === 0 || view.importId === null;
        parts.rejects.href = `/api/imports/${view.importId}/rejects.csv`;
    }

    #drawButtons({ view, ended, busy }) {
        const { cancel, confirm, close, minimise } = this.#parts;
        confirm.hidden = view.kind !== "awaiting";
        cancel.hidden = ended;
        cancel.disabled = busy || !view.canCancel;
        confirm.disabled = busy;
        this.#waysOut.show({ mode: view.mode, wouldResolve: view.figures?.resolved, busy });
        setText(close, ended ? "Close" : view.kind === "awaiting" ? "Decide later" : "Continue in background");
        minimise.setAttribute("aria-label", close.textContent);
    }

    #announce(view) {
        const end = ANNOUNCED_MESSAGE.has(view.kind) ? [view.message, ...view.reasons].join(" ") : "";
        const figures = view.figures && [FIGURES.map((name) => `${count(view.figures[name])} ${name}`).join(", "), view.leftOut].filter(Boolean).join(". ");
        setText(this.#parts.live, [titleOf(view), end || figures || view.stepLabel].join(": "));
    }

    /** Another import or another state: the focus goes where the next step is, and an end that went well in all rows closes by itself. */
    #entered({ view, ended }) {
        this.#autoClose.stop();
        if (ended) this.#parts.close.focus();
        else if (!this.#dialog.contains(document.activeElement)) this.#parts.title.focus();
        if (view.kind === "completed" && !view.hasRejects) this.#autoClose.start();
    }
}

function titleOf(view) {
    return view.hasRejects ? WITH_REJECTS : TITLES[view.kind];
}
