// Takes down what the progress modal has shown, for the tests: window.shown is a list of {state, percent, message}.
window.shown = [];
addEventListener("DOMContentLoaded", () => {
    const modal = document.querySelector("[data-progress-modal]");
    const note = () => {
        const { state } = modal.dataset;
        const percent = Number(modal.querySelector("[data-progress-bar]").getAttribute("aria-valuenow"));
        const message = modal.querySelector("[data-progress-message]").textContent;
        const last = window.shown.at(-1);
        if (!modal.open || (last?.state === state && last.percent === percent && last.message === message)) return;
        window.shown.push({ state, percent, message });
    };
    new MutationObserver(note).observe(modal, { attributes: true, subtree: true, childList: true, characterData: true });
});
