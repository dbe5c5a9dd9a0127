/*
 * The theme: light, dark or the system's. A classic script in the head, so that the page is never drawn in the wrong theme first.
 */
(() => {
    const KEY = "hextrackr_theme";
    const dark = matchMedia("(prefers-color-scheme: dark)");

    function chosen() {
        try {
            return localStorage.getItem(KEY) ?? "system";
        } catch {
            return "system";
        }
    }

    function apply() {
        const theme = chosen() === "system" ? (dark.matches ? "dark" : "light") : chosen();
        document.documentElement.setAttribute("data-bs-theme", theme);
        for (const button of document.querySelectorAll("[data-theme-choice]")) {
            button.setAttribute("aria-pressed", String(button.dataset.themeChoice === chosen()));
        }
    }

    document.addEventListener("click", (event) => {
        const button = event.target.closest("[data-theme-choice]");
        if (!button) return;
        try {
            localStorage.setItem(KEY, button.dataset.themeChoice);
        } catch {
            return; // the browser stores nothing for us: the system's theme remains
        }
        apply();
    });
    addEventListener("storage", apply);
    dark.addEventListener("change", apply);
    document.addEventListener("DOMContentLoaded", apply);
    apply();
})();
