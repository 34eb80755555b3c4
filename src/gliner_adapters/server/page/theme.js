// Light, dark, or as the system has it; the choice is kept in this browser.

const THEME = "gliner-adapters-theme";

/** Connect the switch. */
export function watchTheme(select) {
    const apply = (theme) => {
        if (theme) document.documentElement.dataset.theme = theme;
        else delete document.documentElement.dataset.theme;
    };
    select.value = localStorage.getItem(THEME) ?? "";
    apply(select.value);
    select.addEventListener("change", () => {
        if (select.value) localStorage.setItem(THEME, select.value);
        else localStorage.removeItem(THEME);
        apply(select.value);
    });
}
