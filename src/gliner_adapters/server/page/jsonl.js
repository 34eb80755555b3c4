// JSON Lines: one document a line. GLiNER's training format (words and word indices) is read as well.

import { Offsets } from "./offsets.js";

/**
 * Read JSON Lines. Throws Error with the line number for what cannot be read.
 *
 * @returns documents {id, text, entities: [{start, end, label, score, rest}], rest}; `rest` keeps all other fields.
 */
export function readJsonLines(content) {
    const documents = [];
    content.split("\n").forEach((line, index) => {
        if (!line.trim()) return;
        try {
            const record = JSON.parse(line);
            if (record?.constructor !== Object) throw new Error("not an object");
            documents.push("tokenized_text" in record ? fromWords(record) : fromText(record));
        } catch (error) {
            throw new Error(`line ${index + 1}: ${error.message}`);
        }
    });
    return documents;
}

/** Fields in which other tools keep annotation. */
const DIALECTS = {
    annotations: "label-studio",
    predictions: "label-studio",
    data: "label-studio",
    label: "doccano",
    labels: "doccano",
    spans: "prodigy",
    ents: "spacy-json",
    passages: "bioc",
};

/** Refuse annotation in another tool's form: it would be kept aside, and the text would stand there without it. */
function refuseDialects(record) {
    for (const [name, dialect] of Object.entries(DIALECTS)) {
        const value = record[name];
        if (value && typeof value === "object" && Object.keys(value).length) {
            throw new Error(`the field “${name}” looks like annotation in the format ${dialect}; ${CONVERT}`);
        }
    }
}

const CONVERT = "`gliner-adapters convert` makes JSON Lines of it";

function fromText({ id, text, entities, ...rest }) {
    refuseDialects(rest);
    if (typeof text !== "string") throw new Error("expected a string in field “text”");
    if (!Array.isArray(entities ?? [])) throw new Error("expected a list in field “entities”");
    const { length } = new Offsets(text);
    return { id: name(id), text, entities: (entities ?? []).map((one) => fromEntity(one, length)), rest };
}

function fromEntity(record, length) {
    if (Array.isArray(record)) throw new Error(`an entity is a list, as in the format spacy-json; ${CONVERT}`);
    const { start, end, label, score, identifier, ...rest } = record ?? {};
    if (!Number.isInteger(start) || !Number.isInteger(end) || start < 0 || start >= end || end > length) {
        throw new Error(`an entity from ${start} to ${end} does not lie within ${length} characters`);
    }
    if (typeof label !== "string" || !label) throw new Error(`the entity from ${start} to ${end} has no label`);
    const known = identifier ?? rest.id;
    if (known !== undefined) rest.id = known;
    return { start, end, label, score: score ?? null, rest };
}

function fromWords({ id, tokenized_text: words, ner, ...rest }) {
    if (!Array.isArray(words) || !words.every((word) => word && typeof word === "string")) {
        throw new Error("expected words in field “tokenized_text”");
    }
    let at = 0;
    const spans = words.map((word) => {
        const start = at;
        at += [...word].length + 1;
        return [start, at - 1];
    });
    const entities = (ner ?? []).map(([first, last, label]) => {
        if (!(first <= last && spans[first] && spans[last] && label && typeof label === "string")) {
            throw new Error(`“ner” names words ${first} to ${last} of ${words.length}`);
        }
        return { start: spans[first][0], end: spans[last][1], label, score: null, rest: {} };
    });
    return { id: name(id), text: words.join(" "), entities, rest: { words: spans, ...rest } };
}

const name = (id) => (id === undefined || id === null ? null : String(id));

/**
 * Write JSON Lines.
 *
 * @param documents as read; `score` of an entity is written if it is a number.
 */
export function writeJsonLines(documents) {
    return documents.map((document) => `${JSON.stringify(toRecord(document))}\n`).join("");
}

/** A document as the object that stands on its line. */
export function toRecord({ id, text, entities, rest = {} }) {
    return {
        ...(id === null || id === undefined ? {} : { id }),
        text,
        entities: entities.map(({ start, end, label, score, rest: more = {} }) => ({
            start,
            end,
            label,
            ...(typeof score === "number" ? { score } : {}),
            ...more,
        })),
        ...rest,
    };
}
