// One annotated text on the page: one tab stop, arrow keys from entity to entity, pointer and focus reported.

import { draw } from "./highlight.js";

/** A text with marked entities inside an element. */
export class Pane {
    /**
     * @param {HTMLElement} root where to draw; everything in it is replaced.
     * @param handlers `onactive(entity)` when one gets the focus, `onhover(entity or null)` under the pointer,
     *     `oncommand(key, entity or null)` for a key that moves nothing; returns whether it was one of its own.
     */
    constructor(root, { onactive, onhover, oncommand }) {
        this.root = root;
        this.handlers = { onactive, onhover, oncommand };
        this.entities = [];
        this.tags = new Map();
        root.addEventListener("focusin", (event) => this.#focused(event));
        root.addEventListener("click", (event) => this.#clicked(event));
        root.addEventListener("mouseover", (event) => this.handlers.onhover(this.#under(event.target)));
        root.addEventListener("mouseleave", () => this.handlers.onhover(null));
        root.addEventListener("keydown", (event) => this.#pressed(event));
    }

    /**
     * Draw a text; see `draw`. The focus stays with its entity, or goes to the next one if that is gone.
     *
     * @param {Offsets} offsets the text.
     * @param entities in the order of the text.
     * @param describe as `draw` takes it.
     * @param active the entity that the tab key leads to, if it is in sight.
     */
    render(offsets, entities, describe, active) {
        const focused = this.root.contains(document.activeElement) ? this.#entityOf(document.activeElement) : null;
        const { nodes, depth } = draw(offsets, entities, describe);
        this.offsets = offsets;
        this.entities = entities;
        this.root.replaceChildren(nodes);
        this.root.style.setProperty("--depth", depth);
        this.tags = new Map();
        for (const tag of this.root.getElementsByClassName("tag")) this.tags.set(Number(tag.dataset.uid), tag);
        const next = (one) => entities.find((other) => other.start >= one.start) ?? entities.at(-1);
        if (focused && entities.length) this.focus(this.tags.has(focused.uid) ? focused : next(focused));
        else this.mark(active);
    }

    /** Make an entity the one that the tab key leads to, and light it up; the first one if it is not in sight. */
    mark(active) {
        const uid = this.tags.has(active?.uid) ? active.uid : this.entities[0]?.uid;
        for (const [each, tag] of this.tags) tag.tabIndex = each === uid ? 0 : -1;
        for (const piece of this.root.querySelectorAll(".piece.active")) piece.classList.remove("active");
        if (!this.tags.has(active?.uid)) return;
        const own = this.root.querySelectorAll(`.piece[data-uids~="${active.uid}"]`);
        for (const piece of own) piece.classList.add("active");
    }

    /** Put the focus on an entity. */
    focus(one) {
        this.tags.get(one?.uid)?.focus();
    }

    /** The selected stretch of the text as code points [start, end] without white space at its edges, or null. */
    selection() {
        const selected = getSelection();
        if (!selected.rangeCount || selected.isCollapsed) return null;
        const range = selected.getRangeAt(0);
        if (!this.root.contains(range.startContainer) || !this.root.contains(range.endContainer)) return null;
        let start = this.#unit(range.startContainer, range.startOffset);
        let end = this.#unit(range.endContainer, range.endOffset);
        const piece = this.offsets.text.slice(start, end);
        start += piece.length - piece.trimStart().length;
        end -= piece.length - piece.trimEnd().length;
        return start < end ? [this.offsets.toPoints(start), this.offsets.toPoints(end)] : null;
    }

    /** UTF-16 offset of a place in the drawing: tags have no text, so the text before it is the document's. */
    #unit(container, offset) {
        const range = document.createRange();
        range.selectNodeContents(this.root);
        range.setEnd(container, offset);
        return range.cloneContents().textContent.length;
    }

    #entityOf(element) {
        const uid = Number(element.closest?.(".tag")?.dataset.uid);
        return this.entities.find((one) => one.uid === uid) ?? null;
    }

    /** The entity that an element belongs to; of nested ones the innermost. */
    #under(element) {
        const uids = element.closest(".piece")?.dataset.uids.split(" ");
        return uids ? this.entities.find((one) => one.uid === Number(uids[0])) : this.#entityOf(element);
    }

    #focused(event) {
        const one = this.#entityOf(event.target);
        if (!one) return;
        this.mark(one);
        this.handlers.onactive(one);
    }

    #clicked(event) {
        const one = this.#under(event.target);
        if (one && getSelection().isCollapsed) this.focus(one);
    }

    #pressed(event) {
        if (event.ctrlKey || event.metaKey || event.altKey) return;
        const one = this.#entityOf(event.target);
        const at = this.entities.indexOf(one);
        const moves = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0 };
        moves.End = this.entities.length - 1;
        if (event.key in moves && one) this.focus(this.entities[moves[event.key]]);
        else if (!this.handlers.oncommand(event.key, one)) return;
        event.preventDefault();
    }
}
