// Labels as chips: typed in, changed in place, removed; all of it by keyboard as well.

import { h, say } from "./dom.js";

/** "name: description" as a label; the description may be missing. */
export function parseLabel(typed) {
    const [name, ...rest] = typed.split(":");
    return { name: name.trim(), description: rest.join(":").trim() || null };
}

/** A list of labels {name, description} that a person edits. */
export class Chips {
    /**
     * @param {HTMLUListElement} list where the chips stand.
     * @param {HTMLInputElement} input where a new one is typed.
     * @param {function} onchange called after every change.
     */
    constructor(list, input, onchange) {
        Object.assign(this, { list, input, onchange });
        this.labels = [];
        input.addEventListener("keydown", (event) => this.#typed(event));
        input.addEventListener("paste", (event) => this.#pasted(event));
        // What was typed and not confirmed would otherwise be lost without a word.
        input.addEventListener("change", () => this.commit());
    }

    /** Labels as the server takes them: {name: description or null}. */
    get value() {
        return Object.fromEntries(this.labels.map(({ name, description }) => [name, description]));
    }

    /** Replace all labels. */
    set(labels) {
        this.labels = labels;
        this.#render();
    }

    #typed(event) {
        if (event.key === "Enter" && !event.ctrlKey && !event.metaKey && !event.isComposing) {
            event.preventDefault();
            this.commit();
        } else if (event.key === "Backspace" && !this.input.value && this.labels.length) {
            event.preventDefault();
            this.#remove(this.labels.at(-1));
        }
    }

    #pasted(event) {
        const lines = event.clipboardData.getData("text").split(/\r?\n/).filter((line) => line.trim());
        if (lines.length < 2) return;
        event.preventDefault();
        for (const line of lines) this.#add(parseLabel(line));
    }

    /** Add what is typed. */
    commit() {
        if (!this.input.value.trim()) return;
        this.#add(parseLabel(this.input.value));
        this.input.value = "";
    }

    #add(label) {
        if (!label.name) return;
        const known = this.labels.find(({ name }) => name === label.name);
        if (known && label.description) known.description = label.description;
        else if (known) return say(`The label ${label.name} already exists.`);
        else this.labels.push(label);
        this.#render();
        say(`Label ${label.name} ${known ? "updated" : "added"}.`);
    }

    #remove(label) {
        const at = this.labels.indexOf(label);
        this.labels.splice(at, 1);
        this.#render();
        say(`Label ${label.name} removed.`);
        this.#focus(Math.min(at, this.labels.length - 1));
    }

    /** The focus on a chip, or on the input where there is none. */
    #focus(at) {
        (this.list.children[at]?.querySelector(".chip-name") ?? this.input).focus();
    }

    #render() {
        this.list.replaceChildren(...this.labels.map((label) => this.#chip(label)));
        this.onchange();
    }

    #chip(label) {
        const { name, description } = label;
        const edit = h(
            "button",
            {
                type: "button",
                class: "chip-name",
                "aria-label": `Label ${name}${description ? `: ${description}` : ""}. Change it`,
                title: description,
                onclick: () => this.#edit(label, edit.parentElement),
                onkeydown: (event) => {
                    if (["Backspace", "Delete"].includes(event.key)) {
                        event.preventDefault();
                        this.#remove(label);
                    }
                },
            },
            h("span", { class: "chip-text" }, name),
            ...(description ? [" ", h("span", { class: "chip-description" }, description)] : []),
        );
        const remove = { type: "button", class: "chip-remove", "aria-label": `Remove label ${name}` };
        return h("li", { class: "chip" }, edit, h("button", { ...remove, onclick: () => this.#remove(label) }, "×"));
    }

    #edit(label, chip) {
        const name = h("input", { value: label.name, "aria-label": "Name of the label", required: true });
        const description = h("input", {
            value: label.description ?? "",
            "aria-label": "Description of the label",
            placeholder: "description (optional)",
        });
        const at = this.labels.indexOf(label);
        let done = false; // redrawing takes the focus away, which must not save a second time
        const finish = (save, stay) => {
            if (done) return;
            const typed = name.value.trim();
            const twin = this.labels.find((other) => other !== label && other.name === typed);
            if (save && twin) say(`The label ${typed} already exists; nothing was changed.`);
            else if (save && typed) Object.assign(label, parseLabel(`${typed}:${description.value}`));
            done = true;
            this.#render();
            if (stay) this.#focus(at);
        };
        const editor = h(
            "li",
            {
                class: "chip editing",
                onkeydown: (event) => {
                    if (event.key !== "Enter" && event.key !== "Escape") return;
                    event.preventDefault();
                    event.stopPropagation();
                    finish(event.key === "Enter", true);
                },
                onfocusout: (event) => editor.contains(event.relatedTarget) || finish(true, false),
            },
            name,
            description,
        );
        chip.replaceWith(editor);
        name.select();
    }
}
