// The texts to read: one that is typed or pasted, or those of opened files.

import { $, counted, h, say } from "./dom.js";
import { readFile } from "./files.js";

/** The field for the text, with its files. */
export class Documents {
    /** @param {function} onopen called with the documents of opened files. */
    constructor(onopen) {
        this.onopen = onopen;
        this.#set([{ id: null, text: "", entities: [], rest: {} }]);
        $("text").addEventListener("input", () => this.#typed());
        $("document").addEventListener("change", () => this.show($("document").selectedIndex));
        $("open").addEventListener("click", () => $("files").click());
        $("close-files").addEventListener("click", () => this.write(""));
        $("files").addEventListener("change", async () => {
            await this.open([...$("files").files]);
            $("files").value = ""; // the same file may be opened again
        });
    }

    /** Replace everything by one text. */
    write(text) {
        this.#set([{ id: null, text, entities: [], rest: {} }]);
    }

    /** Open files; says what is wrong with the first that cannot be read, and then changes nothing. */
    async open(files) {
        try {
            const read = files.map(async (file) => readFile(file.name, await file.arrayBuffer()));
            this.#set((await Promise.all(read)).flat());
        } catch (error) {
            say(error.message);
            return;
        }
        const entities = this.all.reduce((sum, each) => sum + each.entities.length, 0);
        say(`${counted(this.all.length, "document", "documents")} opened, ${counted(entities, "entity", "entities")}.`);
        this.onopen(this.all);
    }

    /** Show a document for editing. */
    show(at) {
        this.at = at;
        $("document").selectedIndex = at;
        $("text").value = this.all[at].text;
    }

    #set(documents) {
        this.all = documents;
        $("document").replaceChildren(
            ...documents.map(({ id }, index) => h("option", {}, `${index + 1}: ${id ?? "without an id"}`)),
        );
        $("documents").hidden = documents.length === 1 && documents[0].id === null;
        this.show(0);
    }

    /** What is typed replaces the document's text; what a file said of the old one cannot hold any longer. */
    #typed() {
        const { id, entities } = this.all[this.at];
        if (entities.length) say("The text has changed, so the annotations of the file were dropped.");
        this.all[this.at] = { id, text: $("text").value, entities: [], rest: {} };
    }
}
