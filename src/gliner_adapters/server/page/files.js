// Files that a person opens: PubTator and JSON Lines by their endings, anything else as plain text.

import { readJsonLines } from "./jsonl.js";
import { readPubTator } from "./pubtator.js";

const READERS = [
    [/\.pubtator(\.txt)?$/i, readPubTator],
    [/\.(jsonl|ndjson)$/i, readJsonLines],
];

/**
 * The documents of a file.
 *
 * @param {string} name its name; the ending tells the format.
 * @param {ArrayBuffer} bytes its content, in UTF-8. Throws Error, naming the file, for what cannot be read.
 */
export function readFile(name, bytes) {
    let content;
    try {
        content = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    } catch {
        throw new Error(`${name}: this is not UTF-8 text`);
    }
    const reader = READERS.find(([ending]) => ending.test(name))?.[1];
    if (!reader) return [{ id: name, text: content, entities: [], rest: {} }];
    try {
        const documents = reader(content);
        if (!documents.length) throw new Error("there is no document in it");
        return documents;
    } catch (error) {
        throw new Error(`${name}, ${error.message}`);
    }
}
