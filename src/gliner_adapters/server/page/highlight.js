// A text with its entities, drawn exactly: the text nodes of what is drawn, joined, are the text.
//
// The text is cut wherever an entity begins or ends. A piece carries one line for each entity that covers it; an
// entity keeps its line (its lane) over all its pieces, so nested and crossing entities both stay readable. Behind
// an entity's last piece stands its tag, a button without text of its own: its label is drawn by the style sheet
// from an attribute, so that selecting and copying give the text alone.

import { h } from "./dom.js";

/** Colours that the style sheet knows (--line-0 and so on). */
export const COLOURS = 8;
const LINE = 2; // pixels
const GAP = 1;

/**
 * A lane for each entity: those that overlap differ, and what lies within another is nearer to the text.
 *
 * @param entities with `start` and `end`.
 * @returns Map from entity to lane, from 0.
 */
export function lanes(entities) {
    const result = new Map();
    let cluster = [];
    let end = -1;
    // Only entities of one cluster (a chain of overlaps) can be in each other's way.
    for (const one of [...entities].sort((a, b) => a.start - b.start)) {
        if (one.start >= end) {
            place(cluster, result);
            cluster = [];
        }
        cluster.push(one);
        end = Math.max(end, one.end);
    }
    place(cluster, result);
    return result;
}

function place(cluster, result) {
    const placed = [];
    for (const one of [...cluster].sort((a, b) => a.end - a.start - (b.end - b.start))) {
        const taken = new Set();
        for (const other of placed) {
            if (other.start < one.end && one.start < other.end) taken.add(result.get(other));
        }
        let lane = 0;
        while (taken.has(lane)) lane += 1;
        result.set(one, lane);
        placed.push(one);
    }
}

/**
 * The pieces of a text, in order and without gaps.
 *
 * @param {number} length of the text.
 * @param entities with `start` and `end`, in the same unit as `length`.
 * @returns [{start, end, layers, ending}]: the entities that cover the piece, and those that end with it, each
 *     shortest first.
 */
export function pieces(length, entities) {
    const cuts = new Set([0, length]);
    for (const { start, end } of entities) cuts.add(start).add(end);
    const edges = [...cuts].sort((a, b) => a - b);
    const waiting = [...entities].sort((a, b) => a.start - b.start);
    const result = [];
    let open = [];
    let next = 0;
    for (let i = 0; i + 1 < edges.length; i += 1) {
        const [start, end] = [edges[i], edges[i + 1]];
        while (next < waiting.length && waiting[next].start <= start) open.push(waiting[next++]);
        open.sort((a, b) => a.end - a.start - (b.end - b.start));
        result.push({ start, end, layers: [...open], ending: open.filter((one) => one.end === end) });
        open = open.filter((one) => one.end > end);
    }
    return result;
}

/**
 * Draw a text.
 *
 * @param {Offsets} offsets the text.
 * @param entities what to mark, in code points.
 * @param describe entity → {colour, label, mark, source, name, faint}: the number of its colour, what its tag shows,
 *     and its name for screen readers.
 * @returns {{nodes: DocumentFragment, depth: number}} `depth` is the number of lanes.
 */
export function draw(offsets, entities, describe) {
    const lane = lanes(entities);
    const depth = Math.max(0, ...lane.values()) + 1;
    const nodes = document.createDocumentFragment();
    const described = new Map(entities.map((one) => [one, describe(one)]));
    for (const { start, end, layers, ending } of pieces(offsets.length, entities)) {
        const text = document.createTextNode(offsets.slice(start, end));
        nodes.append(layers.length ? piece(text, layers, lane, described) : text);
        for (const one of ending) nodes.append(tag(one, described.get(one)));
    }
    return { nodes, depth };
}

function piece(text, layers, lane, described) {
    const span = h("span", { class: "piece", "data-uids": layers.map((one) => one.uid).join(" ") });
    const [inner] = layers;
    span.classList.add(`c${described.get(inner).colour}`);
    if (described.get(inner).faint) span.classList.add("faint");
    if (layers.every((one) => one.state === "rejected")) span.classList.add("rejected");
    const step = LINE + GAP;
    const lowest = Math.max(...layers.map((one) => lane.get(one)));
    const drawn = layers.filter((one) => one.state !== "rejected");
    span.style.paddingBottom = `${(lowest + 1) * step}px`;
    span.style.backgroundImage = drawn.map((one) => lineImage(described.get(one).colour)).join(", ");
    const up = (one) => (lowest - lane.get(one)) * step;
    span.style.backgroundPosition = drawn.map((one) => `0 calc(100% - ${up(one)}px)`).join(", ");
    span.style.backgroundSize = `100% ${LINE}px`;
    span.append(text);
    return span;
}

const lineImage = (colour) => `linear-gradient(var(--line-${colour}) 0 0)`;

function tag(one, { colour, label, mark, source, name, faint }) {
    return h("button", {
        type: "button",
        class: `tag c${colour} ${one.state}${faint ? " faint" : ""}`,
        tabindex: "-1",
        "aria-label": name,
        "data-uid": one.uid,
        "data-label": label,
        "data-mark": mark || null,
        "data-source": source || null,
    });
}
