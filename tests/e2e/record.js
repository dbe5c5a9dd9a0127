// Takes down what the progress modal has shown, for the tests: window.shown is a list of {state, percent, message, warning}.
// A modal that has ended stays open: on a busy machine seconds pass before a test has read it.
window.shown = [];
addEventListener("DOMContentLoaded", () => {
    const modal = document.querySelector("#progress-modal");
    if (modal === null) return; // a page for who is not signed in
    modal.dataset.autoCloseMs = 0;
    const note = () => {
        const { state } = modal.dataset;
        const percent = Number(modal.querySelector("[data-progress-bar]").getAttribute("aria-valuenow"));
        const message = modal.querySelector("[data-progress-message]").textContent;
        const warning = modal.querySelector("[data-progress-warning]").textContent;
        const moment = { state, percent, message, warning };
        const last = window.shown.at(-1);
        if (!modal.open || (last && Object.keys(moment).every((name) => last[name] === moment[name]))) return;
        window.shown.push(moment);
    };
    new MutationObserver(note).observe(modal, { attributes: true, subtree: true, childList: true, characterData: true });
});
