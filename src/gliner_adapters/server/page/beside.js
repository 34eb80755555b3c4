// Two sources beside each other: the text twice, and a table of what each found, span by span.

import { compare, sourceName } from "./entities.js";
import { $, h } from "./dom.js";
import { Pane } from "./pane.js";

/** The view of two sources. */
export class Beside {
    /**
     * @param handlers as a pane takes them.
     * @param {function} onchange called when another source or another selection of rows is chosen.
     */
    constructor(handlers, onchange) {
        this.panes = { left: new Pane($("left"), handlers), right: new Pane($("right"), handlers) };
        for (const id of ["left-source", "right-source", "which"]) $(id).addEventListener("change", onchange);
    }

    /** Offer these sources [{key}]; the first two are chosen. */
    offer(sources) {
        for (const [id, chosen] of [["left-source", 0], ["right-source", 1]]) {
            $(id).replaceChildren(...sources.map(({ key }) => h("option", { value: key }, sourceName(key))));
            $(id).selectedIndex = Math.min(chosen, sources.length - 1);
        }
    }

    /**
     * Draw.
     *
     * @param {Offsets} offsets the text.
     * @param entities in sight, in the order of the text; rejected ones are not compared.
     * @param {function} describe (entity, words on where it was found, whether it is faint) → as `draw` takes it.
     * @param active the chosen entity.
     */
    render(offsets, entities, describe, active) {
        const sources = { left: $("left-source").value, right: $("right-source").value };
        const of = (side) => entities.filter((one) => one.source === sources[side] && one.state !== "rejected");
        const rows = compare(of("left"), of("right"));
        const words = {
            both: "both",
            left: `only ${sourceName(sources.left)}`,
            right: `only ${sourceName(sources.right)}`,
            labels: "both, with other labels",
        };
        const where = new Map(rows.flatMap((row) => [...row.left, ...row.right].map((one) => [one, row.where])));
        for (const side of ["left", "right"]) {
            const shown = (one) => describe(one, words[where.get(one)], where.get(one) === "both");
            this.panes[side].render(offsets, of(side), shown, active);
            $(`${side}-head`).textContent = sourceName(sources[side]);
        }
        this.#offerRows(rows, words);
        const which = $("which").value;
        const chosen = rows.filter(({ where: kind }) => {
            return which === "all" || kind === which || (which === "different" && kind !== "both");
        });
        $("rows").replaceChildren(...chosen.map((row) => this.#row(row, offsets, words)));
    }

    #offerRows(rows, words) {
        const which = $("which");
        const before = which.value || "all";
        const number = (...kinds) => rows.filter((row) => kinds.includes(row.where)).length;
        const options = [
            ["all", `everything (${rows.length})`],
            ["different", `differences (${number("left", "right", "labels")})`],
            ...Object.entries(words).map(([kind, name]) => [kind, `${name} (${number(kind)})`]),
        ];
        which.replaceChildren(...options.map(([value, name]) => h("option", { value }, name)));
        which.value = before;
    }

    #row({ start, end, left, right, where }, offsets, words) {
        const side = left.length ? "left" : "right";
        const jump = () => this.panes[side].focus(left[0] ?? right[0]);
        const inShort = (one) => (one.score === null ? one.label : `${one.label} ${one.score.toFixed(2)}`);
        const found = (list) => list.map(inShort).join(", ") || "–";
        return h(
            "tr",
            {},
            h("td", {}, h("button", { type: "button", onclick: jump }, offsets.slice(start, end))),
            h("td", {}, `${start}–${end}`),
            h("td", {}, found(left)),
            h("td", {}, found(right)),
            h("td", {}, words[where]),
        );
    }
}
