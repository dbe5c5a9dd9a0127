import { find } from "../lib/dom.js";
import { ConnectedElement } from "../lib/element.js";

/**
 * The answers to an import's question besides confirming and cancelling: leave the others open, or import into another source.
 */
class ImportAnswers extends ConnectedElement {
    /**
     * The handler of an answer; set by the element that shows the question.
     *
     * @type {(answer: {mode?: "delta", source?: string}) => Promise<boolean>} whether it was accepted
     */
    answer = async () => false;

    connectedCallback() {
        super.connectedCallback();
        const source = find(this, "input");
        this.listen(find(this, "[data-leave-open] button"), "click", () => this.answer({ mode: "delta" }));
        this.listen(find(this, "[data-another-source]"), "submit", async (event) => {
            event.preventDefault();
            if (await this.answer({ source: source.value })) source.value = "";
        });
    }

    /** @param {{mode?: string, wouldResolve?: number, busy?: boolean}} question where nothing would be resolved there is nothing to leave open */
    show({ mode, wouldResolve, busy = false }) {
        find(this, "[data-leave-open]").hidden = mode === "delta" || wouldResolve === 0;
        for (const button of this.querySelectorAll("button")) button.disabled = busy;
    }
}

customElements.define("import-answers", ImportAnswers);
