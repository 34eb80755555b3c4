// What is known of the entity that has the focus or lies under the pointer, with the buttons of the review.

import { ADDED, sourceName } from "./entities.js";
import { h } from "./dom.js";

/** Words for an entity: what screen readers say of its tag. */
export function describeInWords(one, mention, where) {
    const parts = [mention, one.label];
    if (one.score !== null) parts.push(`score ${one.score.toFixed(2)}`);
    parts.push(`characters ${one.start} to ${one.end}`);
    parts.push(one.source === ADDED ? sourceName(ADDED) : `from ${sourceName(one.source)}`);
    if (one.state !== "open") parts.push(one.state);
    if (one.was !== null) parts.push(`was ${one.was}`);
    if (where) parts.push(where);
    return parts.join(", ");
}

/** The bar below the text. */
export class Details {
    /**
     * @param {HTMLElement} root the bar.
     * @param {function} onkey called with the key of the command that a button stands for.
     */
    constructor(root, onkey) {
        this.facts = h("div", { class: "facts" });
        const button = (key, label) =>
            h("button", { type: "button", disabled: true, onclick: () => onkey(key) }, `${label} `, h("kbd", {}, key));
        this.buttons = { a: button("a", "Accept"), x: button("x", "Reject"), r: button("r", "Relabel") };
        root.replaceChildren(this.facts, h("div", { class: "row" }, ...Object.values(this.buttons)));
    }

    /**
     * Show an entity.
     *
     * @param one the entity, or null.
     * @param {string} mention its text.
     * @param {boolean} chosen whether it has been chosen, so that the buttons mean it; else it is under the pointer.
     */
    show(one, mention, chosen) {
        const { a, x, r } = this.buttons;
        for (const button of [a, x, r]) button.disabled = !one || !chosen;
        a.setAttribute("aria-pressed", String(one?.state === "accepted"));
        x.setAttribute("aria-pressed", String(one?.state === "rejected"));
        if (!one) {
            this.facts.replaceChildren(h("span", { class: "quiet" }, "Choose an entity to see its details."));
            return;
        }
        const score = one.score === null ? [] : [`score ${one.score.toFixed(4)}`, " · "];
        this.facts.replaceChildren(
            h("span", { class: "mention" }, mention),
            " ",
            h("b", {}, one.label),
            one.was === null ? "" : ` (was ${one.was})`,
            h("br"),
            ...score,
            `characters ${one.start}–${one.end} · ${sourceName(one.source)}`,
            one.state === "open" ? "" : ` · ${one.state}`,
        );
    }
}
