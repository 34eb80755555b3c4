// Many texts in requests that the server takes: not too many texts and not too many characters in one.

import { annotate } from "./api.js";

// Well below a server's usual limits, so that each request is answered in time.
const MOST_TEXTS = 32;
const MOST_CHARACTERS = 20_000;

/**
 * Read texts.
 *
 * @param {string[]} texts what to read; blank ones are not asked about.
 * @param requests what to ask about each text: bodies without texts.
 * @param limits the server's; of /v1/base.
 * @param {AbortSignal} signal stops it.
 * @param {function} progress told how many texts have been read.
 * @returns for each text {found: entities as the server gives them, windowed, notes}.
 */
export async function readInBatches(texts, requests, limits, signal, progress) {
    const answers = texts.map(() => ({ found: [], windowed: false, notes: [] }));
    let done = 0;
    for (const batch of batches(texts, Math.min(MOST_TEXTS, limits.max_texts ?? MOST_TEXTS))) {
        progress(done);
        for (const request of requests) {
            const { results } = await annotate({ texts: batch.map((index) => texts[index]), ...request }, signal);
            results.forEach((each, place) => {
                const answer = answers[batch[place]];
                answer.found.push(...each.entities);
                answer.windowed ||= each.windowed;
                answer.notes.push(...each.notes.filter((note) => !answer.notes.includes(note)));
            });
        }
        done += batch.length;
    }
    return answers;
}

/** Indices of the texts that are not blank, in batches. */
export function batches(texts, most) {
    const result = [];
    let characters = Infinity;
    texts.forEach((text, index) => {
        if (!text.trim()) return;
        characters += text.length;
        if (characters > MOST_CHARACTERS || result.at(-1).length >= most) {
            result.push([]);
            characters = text.length;
        }
        result.at(-1).push(index);
    });
    return result;
}
