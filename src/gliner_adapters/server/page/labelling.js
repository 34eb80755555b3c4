// The dialog that asks for a label, and for the place of an entity that nobody found.

import { $, h } from "./dom.js";

const CONTEXT = 24;
const MOST_PLACES = 200;

/** Ask for a new label of an entity. Resolves to the label, or null. */
export async function askLabel(mention, label, labels) {
    $("labelling-place").hidden = true;
    const typed = await ask(`Another label for “${mention}”`, label, labels, () => null);
    return typed?.label ?? null;
}

/**
 * Ask for a new entity. Resolves to {start, end, label} in code points, or null.
 *
 * @param {Offsets} offsets the text.
 * @param selection [start, end] to begin with, or null.
 * @param labels to offer.
 */
export async function askEntity(offsets, selection, labels) {
    const mention = $("mention");
    const places = $("occurrence");
    let found = [];
    const look = () => {
        found = offsets.find(mention.value).slice(0, MOST_PLACES);
        places.replaceChildren(...found.map(([start, end]) => h("option", {}, surroundings(offsets, start, end))));
        places.disabled = found.length < 2;
    };
    $("labelling-place").hidden = false;
    mention.value = selection ? offsets.slice(...selection) : "";
    // A text field holds no line breaks: what cannot be typed is chosen by its place alone.
    mention.readOnly = selection !== null;
    mention.oninput = look;
    look();
    if (selection) {
        found = [selection];
        places.replaceChildren(h("option", {}, surroundings(offsets, ...selection)));
        places.disabled = true;
    }
    return ask("Add an entity", labels[0] ?? "", labels, () => {
        const place = found[places.selectedIndex];
        if (!place) throw new Error(mention.value ? "This is not in the text." : "Type what the entity is.");
        return { start: place[0], end: place[1] };
    });
}

function surroundings(offsets, start, end) {
    const before = offsets.slice(Math.max(0, start - CONTEXT), start);
    const after = offsets.slice(end, Math.min(offsets.length, end + CONTEXT));
    return `${start}: …${before}[${offsets.slice(start, end)}]${after}…`;
}

/** Show the dialog until it holds what is needed. Resolves to {label, ...place()}, or null if it was cancelled. */
function ask(title, label, labels, place) {
    const dialog = $("labelling");
    const form = dialog.querySelector("form");
    $("labelling-title").textContent = title;
    $("labelling-error").textContent = "";
    $("known-labels").replaceChildren(...labels.map((each) => h("option", { value: each })));
    $("new-label").value = label;
    return new Promise((resolve) => {
        form.onsubmit = (event) => {
            event.preventDefault();
            try {
                const typed = $("new-label").value.trim();
                if (!typed) throw new Error("Type a label.");
                const answer = { label: typed, ...place() };
                dialog.close();
                // Now, not with the event "close": by then the next key may have been pressed.
                resolve(answer);
            } catch (error) {
                $("labelling-error").textContent = error.message;
            }
        };
        dialog.addEventListener("close", () => resolve(null), { once: true });
        dialog.showModal();
        if ($("labelling-place").hidden || $("mention").readOnly) $("new-label").select();
        else $("mention").focus();
    });
}
