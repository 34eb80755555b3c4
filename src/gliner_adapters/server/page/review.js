// What a person decides about entities, and taking it back.

import { ADDED, entity, sameKey } from "./entities.js";

/** Decisions on the entities of the documents {text, entities} of one answer. */
export class Review {
    #undo = [];

    /** Set an entity's state to "accepted" or "rejected"; setting it again takes it back. Returns the new state. */
    decide(one, state) {
        const before = one.state;
        this.#undo.push({ one, back: () => (one.state = before) });
        one.state = before === state ? "open" : state;
        return one.state;
    }

    /** Give an entity another label; whoever relabels has looked at it, so it is accepted as well. */
    relabel(one, label) {
        const { label: before, was, state } = one;
        const original = was ?? before;
        this.#undo.push({ one, back: () => Object.assign(one, { label: before, was, state }) });
        Object.assign(one, { label, was: original === label ? null : original, state: "accepted" });
    }

    /** Add an entity that nobody found, or accept the one that says the same. Returns it. */
    add(found, start, end, label) {
        const one = entity(start, end, label, ADDED, { state: "accepted" });
        const same = found.entities.find((other) => sameKey(other) === sameKey(one));
        if (same) {
            if (same.state !== "accepted") this.decide(same, "accepted");
            return same;
        }
        found.entities.push(one);
        this.#undo.push({ one, back: () => found.entities.splice(found.entities.indexOf(one), 1) });
        return one;
    }

    /** Take the last decision back. Returns the entity that it was about, or null if there is none. */
    undo() {
        const last = this.#undo.pop();
        last?.back();
        return last?.one ?? null;
    }

    /** Start with new documents; decisions on the old ones can no longer be taken back one by one. */
    forget() {
        this.#undo = [];
    }
}

/** Whether a person has decided anything about an entity. */
export const decided = (one) => one.state !== "open" || one.was !== null || one.source === ADDED;

/**
 * Carry decisions over to a new answer about the same text: a decided entity keeps its decision where the same one
 * was found again, and stays as it is where it was not.
 *
 * @param before entities of the earlier answer.
 * @param now entities of the new one.
 * @returns the entities to go on with.
 */
export function carryOver(before, now) {
    const asFound = (one) => `${one.start} ${one.end} ${one.was ?? one.label} ${one.source}`;
    const decisions = new Map(before.filter(decided).map((one) => [asFound(one), one]));
    const result = now.map((one) => {
        const earlier = decisions.get(asFound(one));
        decisions.delete(asFound(one));
        return earlier ? Object.assign(one, { state: earlier.state, was: earlier.was, label: earlier.label }) : one;
    });
    return [...result, ...decisions.values()];
}
