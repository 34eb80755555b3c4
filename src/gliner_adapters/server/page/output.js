// What leaves the page: files to download and text to copy.

import { address, getKey } from "./api.js";
import { h } from "./dom.js";
import { toRecord, writeJsonLines } from "./jsonl.js";
import { lostInPubTator, writePubTator } from "./pubtator.js";

/** The formats of a download: name → {ending, type, write(documents), lost(documents)}. */
export const FORMATS = {
    jsonl: { ending: "jsonl", type: "application/x-ndjson", write: writeJsonLines, lost: () => [] },
    pubtator: { ending: "pubtator", type: "text/plain", write: writePubTator, lost: lostInPubTator },
};

/** Documents as training data: what a person settled on is annotation, so scores are left out. */
export const asTraining = (documents) =>
    documents.map((each) => ({ ...each, entities: each.entities.map((one) => ({ ...one, score: null })) }));

/** Documents as readable JSON: one object, or a list of several. */
export function asJson(documents) {
    const records = documents.map(toRecord);
    return `${JSON.stringify(records.length === 1 ? records[0] : records, null, 2)}\n`;
}

/** A word that a POSIX shell reads as this very text. */
export const shellQuote = (text) => `'${text.replaceAll("'", String.raw`'\''`)}'`;

/** A curl command that asks what the page asked. A key is not written down: it is read from the environment. */
export function asCurl(body) {
    const lines = [`curl ${shellQuote(address("v1/annotate"))}`, `-H ${shellQuote("Content-Type: application/json")}`];
    if (getKey()) lines.push('-H "Authorization: Bearer $GLINER_ADAPTERS_KEY"');
    lines.push(`--data-binary ${shellQuote(JSON.stringify(body))}`);
    return `${lines.join(" \\\n    ")}\n`;
}

/** Offer a file for download. */
export function download(name, type, content) {
    const url = URL.createObjectURL(new Blob([content], { type: `${type};charset=utf-8` }));
    h("a", { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Put text on the clipboard. Where the browser gives none (a page that is not on localhost or https), by selection. */
export async function copy(text) {
    if (navigator.clipboard) return navigator.clipboard.writeText(text);
    const area = h("textarea", { class: "off-screen", "aria-hidden": "true" });
    area.value = text;
    (document.querySelector("dialog[open]") ?? document.body).append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    if (!copied) throw new Error("the browser does not allow copying here");
}
