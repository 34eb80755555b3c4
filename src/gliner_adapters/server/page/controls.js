// The controls over a result: a threshold for each source, and the types to show.

import { sourceName } from "./entities.js";
import { h } from "./dom.js";

/**
 * A slider for each source.
 *
 * @param {HTMLElement} container where they go; a legend in it stays.
 * @param sources [{key, letter, own, floor}]: `own` is the threshold to begin with and to go back to, `floor` what
 *     the server was asked with.
 * @param {Map} thresholds key → threshold; the sliders change it.
 * @param {function} onchange called after each change.
 */
export function drawThresholds(container, sources, thresholds, onchange) {
    const rows = sources.map(({ key, letter, own, floor }) => {
        const name = sourceName(key);
        const slider = h("input", {
            type: "range",
            min: floor,
            max: 1,
            step: 0.01,
            value: thresholds.get(key),
            "aria-label": `Threshold of ${name}`,
        });
        // Not an <output>, which would be read aloud beside the slider's own value.
        const output = h("span", { class: "value", "aria-hidden": "true" });
        const back = { type: "button", class: "plain", "aria-label": `Reset ${name} to ${own}` };
        const reset = h("button", back, "Reset");
        const show = () => {
            // The slider's place is rounded to its steps; the threshold of an adapter is taken as it is.
            const value = thresholds.get(key);
            output.textContent = String(Number(value.toFixed(4)));
            slider.setAttribute("aria-valuetext", output.textContent);
            reset.disabled = value === own;
        };
        slider.addEventListener("input", () => {
            thresholds.set(key, Number(slider.value));
            show();
            onchange();
        });
        reset.addEventListener("click", () => {
            thresholds.set(key, own);
            slider.value = own;
            show();
            onchange();
            slider.focus();
        });
        show();
        const title = h("span", {}, letter ? `${letter} ${name}` : name);
        return h("div", { class: "threshold" }, title, slider, output, reset);
    });
    container.replaceChildren(container.querySelector("legend"), ...rows);
    container.hidden = !rows.length;
}

/**
 * A button for each type, pressed while the type is shown.
 *
 * @param {HTMLElement} container where they go; a legend in it stays. The focus stays on its type.
 * @param {Map} counts label → number of entities.
 * @param {Set} hidden labels that are not shown; the buttons change it.
 * @param {function} colourOf label → number of its colour.
 * @param {function} onchange called after each change.
 */
export function drawTypes(container, counts, hidden, colourOf, onchange) {
    const focused = container.contains(document.activeElement) ? document.activeElement.dataset.label : null;
    const buttons = [...counts].map(([label, count], index) => {
        const toggle = () => {
            if (!hidden.delete(label)) hidden.add(label);
            onchange();
        };
        return h(
            "button",
            {
                type: "button",
                class: `type c${colourOf(label)}`,
                "aria-pressed": String(!hidden.has(label)),
                "data-label": label,
                onclick: toggle,
            },
            `${label} `,
            h("b", {}, String(count)),
            ...(index < 9 ? [h("kbd", { "aria-hidden": "true" }, String(index + 1))] : []),
        );
    });
    container.replaceChildren(container.querySelector("legend"), h("div", { class: "types" }, ...buttons));
    buttons.find((button) => button.dataset.label === focused)?.focus();
}
