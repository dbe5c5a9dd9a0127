/**
 * Closes a dialog a while after it has nothing more to tell, unless its reader does anything in it.
 */
export class AutoClose {
    #dialog;
    #countdown;
    #close;
    #timer = null;
    #signs = ["pointermove", "pointerdown", "keydown", "focusin", "wheel"];
    #keepOpen = () => this.stop();

    /**
     * @param {HTMLDialogElement} dialog `data-auto-close-ms` says how long; 0 never closes it
     * @param {{countdown: HTMLElement, close: () => void}} options where the seconds left are shown
     */
    constructor(dialog, { countdown, close }) {
        this.#dialog = dialog;
        this.#countdown = countdown;
        this.#close = close;
    }

    /** Begin to count down. */
    start() {
        const ms = Number(this.#dialog.dataset.autoCloseMs);
        if (this.#timer !== null || !(ms > 0)) return;
        const end = performance.now() + ms;
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
        for (const sign of this.#signs) this.#dialog.addEventListener(sign, this.#keepOpen);
        tick();
    }

    /** Stay open. */
    stop() {
        clearTimeout(this.#timer);
        this.#timer = null;
        this.#countdown.textContent = "";
        for (const sign of this.#signs) this.#dialog.removeEventListener(sign, this.#keepOpen);
    }
}
