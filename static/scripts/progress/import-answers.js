import { find } from "../lib/dom.js";
import { ConnectedElement } from "../lib/element.js";

/**
 * The two answers to an import that asks beside yes and no: leave the others open, and another source with its label.
 */
class ImportAnswers extends ConnectedElement {
    /**
     * What to do with an answer; set by whoever shows the question.
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
