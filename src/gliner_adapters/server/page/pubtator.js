// PubTator: a title line, an abstract line, a row for each entity and relation, a blank line.

import { Offsets } from "./offsets.js";

const PASSAGE = /^([^|\t]+)\|([A-Za-z]+)\|(.*)$/s;
const USUAL_KINDS = ["t", "a"];

/** A piece of text as it stands in one column: line breaks and tabs are spaces there. */
const columnText = (text) => text.replace(/[\n\t\r]/g, " ");

/**
 * Read PubTator. Throws Error with the line number for what cannot be read; offsets are not repaired.
 *
 * @returns documents {id, text, entities: [{start, end, label, score, rest}], rest}
 */
export function readPubTator(content) {
    const documents = [];
    let block = [];
    const lines = content.split(/\r?\n/);
    lines.forEach((line, index) => {
        if (line.trim()) block.push([line, index + 1]);
        if (block.length && (!line.trim() || index === lines.length - 1)) {
            documents.push(readBlock(block));
            block = [];
        }
    });
    return documents;
}

function readBlock(block) {
    const passages = [];
    for (const [line] of block) {
        const match = PASSAGE.exec(line);
        if (!match) break;
        passages.push(match);
    }
    if (!passages.length) throw new Error(`line ${block[0][1]}: expected PMID|t|title`);
    const id = passages[0][1];
    const stranger = passages.findIndex((match) => match[1] !== id);
    if (stranger >= 0) throw new Error(`line ${block[stranger][1]}: expected a blank line between documents`);
    const texts = passages.map((match) => match[3]);
    while (texts.length > 1 && !texts.at(-1)) texts.pop(); // an empty abstract adds no text, not even a separator
    const offsets = new Offsets(texts.join("\n"));
    const document = { id, text: offsets.text, entities: [], rest: {} };
    const relations = [];
    for (const [line, number] of block.slice(passages.length)) {
        const columns = line.split("\t");
        if (columns[0] !== id) throw new Error(`line ${number}: expected a row of document ${id}`);
        if (/^\d/.test(columns[1] ?? "")) document.entities.push(readRow(offsets, columns, number));
        else if (columns.length >= 4) relations.push(columns.slice(1));
        else throw new Error(`line ${number}: expected PMID, start, end, mention and type, separated by tabs`);
    }
    const meta = {};
    if (relations.length) meta.relations = relations;
    const kinds = passages.map((match) => match[2]);
    if (kinds.join() !== USUAL_KINDS.join()) meta.pubtator = { passages: kinds };
    if (Object.keys(meta).length) document.rest.meta = meta;
    return document;
}

function readRow(offsets, columns, number) {
    const [, first, last, mention, label, identifier, mentions, ...more] = columns;
    const [start, end] = [Number(first), Number(last)];
    if (!label || !/^\d+$/.test(last) || start >= end) {
        throw new Error(`line ${number}: expected PMID, start, end, mention and type, separated by tabs`);
    }
    const found = end <= offsets.length ? columnText(offsets.slice(start, end)) : "";
    if (found !== mention) {
        throw new Error(
            `line ${number}: at ${start}-${end} stands “${found}”, not “${mention}”; ` +
                "`gliner-adapters convert` repairs such offsets where it can",
        );
    }
    const rest = {};
    if (identifier !== undefined) rest.id = identifier;
    if (mentions !== undefined) rest.meta = { mentions: mentions ? mentions.split("|") : [] };
    if (more.length) rest.meta.columns = more;
    return { start, end, label, score: null, rest };
}

/**
 * Write PubTator. The text up to the first line break is the title; further breaks become spaces, which keeps all
 * offsets. A document without an id gets its number. Throws Error for what the format cannot express.
 *
 * @param documents as read; entities need start, end and label.
 */
export function writePubTator(documents) {
    return documents.map((document, index) => block(document, document.id ?? String(index + 1))).join("");
}

/** What PubTator has no place for in documents: a line for each kind, with its count. */
export function lostInPubTator(documents) {
    const all = documents.flatMap(({ entities }) => entities);
    const unknown = (meta, ...known) => Object.keys(meta ?? {}).some((key) => !known.includes(key));
    const count = (list, test) => list.filter(test).length;
    const kinds = ({ rest }) => rest?.meta?.pubtator?.passages ?? USUAL_KINDS;
    const breaks = documents.map((each) => {
        return Math.max(0, each.text.split("\n").length - kinds(each).length) + each.text.split("\r").length - 1;
    });
    const lost = {
        "line breaks are spaces": breaks.reduce((sum, each) => sum + each, 0),
        "scores are left out": count(all, ({ score }) => typeof score === "number"),
        "words and sentences of documents are left out": count(documents, ({ rest }) => rest?.words || rest?.sentences),
        "metadata of documents are left out": count(documents, ({ rest }) => {
            return unknown(rest, "words", "sentences", "meta") || unknown(rest?.meta, "relations", "pubtator");
        }),
        "metadata of entities are left out": count(all, ({ rest }) => {
            return unknown(rest, "id", "meta") || unknown(rest?.meta, "mentions", "columns");
        }),
    };
    return Object.entries(lost).filter(([, number]) => number).map(([kind, number]) => `${number} ${kind}`);
}

function block({ text, entities, rest = {} }, id) {
    if (!id || id.includes("|") || columnText(id) !== id) {
        throw new Error(`PubTator cannot express the document id “${id}”: it is empty or holds “|” or a tab`);
    }
    const meta = rest.meta ?? {};
    const kinds = meta.pubtator?.passages ?? USUAL_KINDS;
    const texts = text.split("\n");
    texts.splice(kinds.length - 1, Infinity, texts.slice(kinds.length - 1).join(" "));
    const lines = kinds.map((kind, index) => `${id}|${kind}|${(texts[index] ?? "").replaceAll("\r", " ")}`);
    const offsets = new Offsets(text);
    const rows = entities.map((one) => columns(one, columnText(offsets.slice(one.start, one.end))));
    for (const row of [...rows, ...(meta.relations ?? [])]) {
        const bad = row.find((column) => columnText(column) !== column);
        if (bad !== undefined) {
            throw new Error(`PubTator cannot express “${columnText(bad)}”: it holds a tab or a line break`);
        }
        lines.push([id, ...row].join("\t"));
    }
    return `${lines.join("\n")}\n\n`;
}

function columns({ start, end, label, rest = {} }, mention) {
    const row = [String(start), String(end), mention, label];
    const mentions = rest.meta?.mentions;
    if (rest.id !== undefined || mentions) row.push(rest.id ?? "");
    if (mentions) row.push(mentions.join("|"), ...(rest.meta.columns ?? []));
    return row;
}
