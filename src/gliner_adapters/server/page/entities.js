// What the page knows of an entity, and which entities are in sight: plain functions, no document.
//
// An entity: {uid, start, end, label, score, source, state, was, rest}. Offsets are code points. `score` is null for
// what a person or a file says. `source` is the key of who found it (see below), `state` one of "open", "accepted"
// and "rejected", `was` the label that a relabelled one had, `rest` what else a file says of it.

/** Who can find entities, beside adapters ("adapter:NAME"). */
export const LABELS = "labels";
export const FILE = "file";
export const ADDED = "added";

/** Lowest threshold that the server is asked with; the sliders begin there. */
export const FLOOR = 0.05;
/** The threshold of plain labels, which have none of their own. */
export const PLAIN_THRESHOLD = 0.5;

let count = 0;

/** A new entity; see above. */
export function entity(start, end, label, source, { score = null, state = "open", rest = {} } = {}) {
    count += 1;
    return { uid: count, start, end, label, score, source, state, was: null, rest };
}

/** The key of an adapter's source. */
export const adapterSource = (name) => `adapter:${name}`;

/** How a person reads a source's key. */
export function sourceName(key) {
    const names = { [LABELS]: "typed labels", [FILE]: "the file", [ADDED]: "added by you" };
    return key.startsWith("adapter:") ? key.slice("adapter:".length) : names[key];
}

/** What two entities have in common if they say the same. */
export const sameKey = (one) => `${one.start} ${one.end} ${one.label}`;

/** In the order of the text; of those that begin together the longer first. */
export const inTextOrder = (a, b) => a.start - b.start || b.end - a.end || a.uid - b.uid;

/**
 * Whether a threshold lets an entity through.
 *
 * The server was asked with the lowest threshold and the page filters. That is exact: decoding is greedy by falling
 * score, so whether a span is kept depends only on spans that score higher, and those are the same at any lower
 * threshold. Each source is decoded on its own and so has its own slider. The one exception is a text that was read
 * in windows: where two windows meet, context decides before score. The page says so and offers to ask again.
 *
 * What a person has accepted or relabelled stays, whatever its score; so does what comes from a file.
 */
export function passes(one, thresholds) {
    if (one.score === null || one.state === "accepted" || one.was !== null) return true;
    return !thresholds.has(one.source) || one.score > thresholds.get(one.source);
}

/** Entities above the thresholds, of labels that are not hidden, in the order of the text. */
export function inSight(entities, thresholds, hidden = new Set()) {
    return entities.filter((one) => passes(one, thresholds) && !hidden.has(one.label)).sort(inTextOrder);
}

/** How many entities above the thresholds each label has, rejected ones left out; labels in the given order. */
export function countLabels(entities, thresholds, labels) {
    const counts = new Map(labels.map((label) => [label, 0]));
    for (const one of entities) {
        if (!passes(one, thresholds)) continue;
        counts.set(one.label, (counts.get(one.label) ?? 0) + (one.state === "rejected" ? 0 : 1));
    }
    return counts;
}

/** What is left to write down: not rejected, and once if two sources agree; `acceptedOnly` leaves out the open ones. */
export function kept(entities, acceptedOnly = false) {
    const seen = new Set();
    return entities.filter((one) => {
        if (one.state === "rejected" || (acceptedOnly && one.state !== "accepted")) return false;
        const key = sameKey(one);
        return !seen.has(key) && seen.add(key);
    });
}

/**
 * Two sources beside each other, span by span in the order of the text.
 *
 * @returns rows {start, end, left: [entities], right: [entities], where: "both" | "left" | "right" | "labels"};
 *     "labels" means that both found the span and call it differently.
 */
export function compare(left, right) {
    const rows = new Map();
    for (const [side, entities] of [["left", left], ["right", right]]) {
        for (const one of entities) {
            const key = `${one.start} ${one.end}`;
            if (!rows.has(key)) rows.set(key, { start: one.start, end: one.end, left: [], right: [] });
            rows.get(key)[side].push(one);
        }
    }
    for (const row of rows.values()) {
        const names = (side) => [...new Set(row[side].map((one) => one.label))].sort().join("\n");
        if (!row.right.length) row.where = "left";
        else if (!row.left.length) row.where = "right";
        else row.where = names("left") === names("right") ? "both" : "labels";
    }
    return [...rows.values()].sort(inTextOrder);
}
