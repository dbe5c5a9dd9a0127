import { find } from "./dom.js";

/**
 * The two answers to an import that asks beside yes and no, as `_ways_out.html` has rendered them: leave the others open,
 * and another source with its label.
 */
export class WaysOut {
    #element;
    #answer;
    #source;
    #onOpen = () => this.#answer({ mode: "delta" });
    #onSource = async (event) => {
        event.preventDefault();
        if (await this.#answer({ source: this.#source.value })) this.#source.value = "";
    };

    /**
     * @param {ParentNode} root that holds it
     * @param {(said: object) => Promise<boolean>} answer whether it was taken
     */
    constructor(root, answer) {
        this.#element = find(root, "[data-ways-out]");
        this.#answer = answer;
        this.#source = find(this.#element, "input");
    }

    start() {
        this.#listen("addEventListener");
    }

    stop() {
        this.#listen("removeEventListener");
    }

    /** @param {{mode?: string, wouldResolve?: number, busy?: boolean}} told where nothing would be resolved there is nothing to leave open */
    show({ mode, wouldResolve, busy = false }) {
        find(this.#element, "[data-leave-open]").hidden = mode === "delta" || wouldResolve === 0;
        for (const button of this.#element.querySelectorAll("button")) button.disabled = busy;
    }

    #listen(method) {
        find(this.#element, "[data-leave-open] button")[method]("click", this.#onOpen);
        find(this.#element, "[data-another-source]")[method]("submit", this.#onSource);
    }
}
