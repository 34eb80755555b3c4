// The answer on the page: what is in sight, what is chosen, what a person decides.

import { Beside } from "./beside.js";
import { drawThresholds, drawTypes } from "./controls.js";
import { describeInWords, Details } from "./details.js";
import { $, counted, h, say } from "./dom.js";
import { ADDED, countLabels, inSight, kept } from "./entities.js";
import { COLOURS } from "./highlight.js";
import { askEntity, askLabel } from "./labelling.js";
import { Pane } from "./pane.js";
import { decided, Review } from "./review.js";

const WINDOWED =
    "This text was too long for one input and was read in windows. Where two windows meet, what the slider shows " +
    "may differ from a reading at that threshold.";
const MARKS = { open: "", accepted: "✓", rejected: "✗" };

/**
 * The documents that were read, with everything that a person does with them.
 *
 * A document: {id, text, offsets, entities, windowed, notes, rest}.
 */
export class Result {
    /** @param {function} onexact called when a text is to be read anew at the sliders' thresholds. */
    constructor(onexact) {
        this.onexact = onexact;
        this.review = new Review();
        this.documents = [];
        this.at = 0;
        this.sources = [];
        this.thresholds = new Map();
        this.hidden = new Set();
        this.labels = [];
        this.unsaved = false;
        const handlers = {
            onactive: (one) => this.#choose(one),
            onhover: (one) => this.#details(one ?? this.active, one === null || one === this.active),
            oncommand: (key, one) => this.#command(key, one, true),
        };
        this.pane = new Pane($("together"), handlers);
        this.beside = new Beside(handlers, () => this.render());
        this.details = new Details($("details"), (key) => this.#command(key, this.active, false));
        $("compare").addEventListener("click", () => {
            $("compare").setAttribute("aria-pressed", String($("compare").ariaPressed !== "true"));
            this.render();
        });
        $("accepted-only").addEventListener("change", () => this.render());
        for (const [id, key] of [["add", "n"], ["undo", "u"], ["previous", "["], ["next", "]"]]) {
            $(id).addEventListener("click", () => this.#command(key, null, false));
        }
        // The selection may be gone by the time a button is pressed.
        document.addEventListener("selectionchange", () => this.#selected());
    }

    /**
     * Show an answer.
     *
     * @param documents as above.
     * @param sources [{key, letter, own, floor}] who was asked; only those with `own` get a slider.
     * @param labels in the order of their numbers and colours.
     */
    show(documents, sources, labels) {
        const at = this.document && documents[this.at]?.text === this.document.text ? this.at : 0;
        Object.assign(this, { documents, sources, active: null, selected: null, at });
        this.review.forget();
        const named = documents.flatMap((each) => each.entities.map((one) => one.label));
        this.labels = [...new Set([...labels, ...named])];
        const scored = sources.filter((each) => "own" in each);
        this.thresholds = new Map(scored.map((each) => [each.key, each.start ?? each.own]));
        drawThresholds($("thresholds"), scored, this.thresholds, () => this.render());
        this.beside.offer(sources);
        $("compare").hidden = sources.length < 2;
        if (sources.length < 2) $("compare").ariaPressed = "false";
        $("found").hidden = false;
        $("empty").hidden = true;
        this.render();
    }

    /** The document in sight. */
    get document() {
        return this.documents[this.at];
    }

    /** What leaves the page: of each document what is in sight and not rejected. */
    get output() {
        const only = $("accepted-only").checked;
        return this.documents.map(({ id, text, rest, entities }) => {
            return { id, text, rest, entities: kept(inSight(entities, this.thresholds, this.hidden), only) };
        });
    }

    /** The same of the documents in which a person decided something, or of all. */
    reviewed(all) {
        return this.output.filter((_, index) => all || this.documents[index].entities.some(decided));
    }

    /** How many decisions would be lost if these texts were shown instead. */
    lost(texts) {
        const gone = this.documents.filter((each, index) => each.text !== texts[index]);
        return gone.reduce((sum, each) => sum + each.entities.filter(decided).length, 0);
    }

    /** Draw everything anew: a few milliseconds for a thousand entities. */
    render() {
        const { entities, offsets } = this.document;
        const counts = countLabels(entities, this.thresholds, this.labels);
        drawTypes($("types"), counts, this.hidden, (label) => this.#colour(label), () => this.render());
        this.shown = inSight(entities, this.thresholds, this.hidden);
        const besides = $("compare").ariaPressed === "true";
        $("together").hidden = besides;
        $("beside").hidden = !besides;
        const view = besides ? this.beside : this.pane;
        view.render(offsets, this.shown, (...told) => this.#describe(...told), this.active);
        if (!this.shown.includes(this.active)) this.active = null;
        this.#details(this.active, true);
        this.#surroundings();
    }

    #surroundings() {
        const several = this.documents.length > 1;
        for (const id of ["previous", "position", "next"]) $(id).hidden = !several;
        $("previous").disabled = this.at === 0;
        $("next").disabled = this.at === this.documents.length - 1;
        const { id, notes, windowed } = this.document;
        $("position").textContent = `${this.at + 1} of ${this.documents.length}${id === null ? "" : `: ${id}`}`;
        const lines = notes.map((note) => h("li", {}, note));
        if (windowed) {
            const button = { type: "button", class: "plain", onclick: this.onexact };
            lines.push(h("li", {}, WINDOWED, " ", h("button", button, "Read again at these thresholds")));
        }
        $("notes").hidden = !lines.length;
        $("notes").replaceChildren(...lines);
        const number = this.output.reduce((sum, each) => sum + each.entities.length, 0);
        $("output-count").textContent =
            `${counted(number, "entity", "entities")} in ${counted(this.documents.length, "document", "documents")}: ` +
            "above the threshold, of the types that are shown, not rejected.";
    }

    #colour = (label) => this.labels.indexOf(label) % COLOURS;

    #letter = (key) => this.sources.find((each) => each.key === key)?.letter ?? "";

    #describe(one, where = "", faint = false) {
        return {
            colour: this.#colour(one.label),
            label: one.label,
            mark: one.source === ADDED ? "+" : MARKS[one.state],
            source: this.#letter(one.source),
            name: describeInWords(one, this.document.offsets.slice(one.start, one.end), where),
            faint,
        };
    }

    #details(one, chosen) {
        this.details.show(one, one ? this.document.offsets.slice(one.start, one.end) : "", chosen);
    }

    #choose(one) {
        this.active = one;
        this.#details(one, true);
    }

    #selected() {
        const { isCollapsed, anchorNode } = getSelection();
        if ($("found").hidden) return;
        // A click into the text ends a selection; one on a button does not.
        if (isCollapsed && anchorNode?.parentElement?.closest(".reading")) this.selected = null;
        if (isCollapsed) return;
        const panes = $("compare").ariaPressed === "true" ? Object.values(this.beside.panes) : [this.pane];
        for (const pane of panes) this.selected = pane.selection() ?? this.selected;
    }

    /** Do what a key stands for. Returns whether it stands for anything. */
    #command(key, one, bykeyboard) {
        const jobs = {
            u: () => this.#undo(),
            n: () => this.#add(),
            "[": () => this.#turn(-1),
            "]": () => this.#turn(1),
        };
        if (one) {
            jobs.a = () => this.#decide(one, "accepted", bykeyboard);
            jobs.x = () => this.#decide(one, "rejected", bykeyboard);
            jobs.r = () => this.#ask(one);
            const label = /^[1-9]$/.test(key) && this.labels[Number(key) - 1];
            if (label) jobs[key] = () => this.#relabel(one, label);
        }
        if (!Object.hasOwn(jobs, key)) return false;
        jobs[key]();
        return true;
    }

    #mention = (one) => this.document.offsets.slice(one.start, one.end);

    #decide(one, state, goOn) {
        const now = this.review.decide(one, state);
        const next = this.shown[this.shown.indexOf(one) + 1];
        this.#changed(one, `${this.#mention(one)}: ${now === "open" ? "open again" : now}.`);
        if (goOn && now !== "open" && next) this.#focus(next);
    }

    #relabel(one, label) {
        this.review.relabel(one, label);
        if (!this.labels.includes(label)) this.labels.push(label);
        this.#changed(one, `${this.#mention(one)} is ${label} now.`);
    }

    async #ask(one) {
        const label = await askLabel(this.#mention(one), one.label, this.labels);
        if (label) this.#relabel(one, label);
        this.#focus(one);
    }

    async #add() {
        // A key can be quicker than the event that tells of a selection.
        this.#selected();
        const added = await askEntity(this.document.offsets, this.selected, this.labels);
        this.selected = null;
        if (!added) return;
        const { start, end, label } = added;
        if (!this.labels.includes(label)) this.labels.push(label);
        this.hidden.delete(label);
        const one = this.review.add(this.document, start, end, label);
        this.#changed(one, `${this.#mention(one)} added as ${label}.`);
        getSelection().removeAllRanges();
        this.#focus(one);
    }

    #undo() {
        const one = this.review.undo();
        if (!one) return say("There is nothing to undo.");
        this.#show(one);
        this.#changed(one, `Undone: ${this.#mention(one)}.`);
        this.#focus(one);
    }

    /** Turn to the document that an entity belongs to; one that is gone belongs to none. */
    #show(one) {
        const at = this.documents.findIndex((each) => each.entities.includes(one));
        if (at >= 0) this.at = at;
    }

    #changed(one, message) {
        this.unsaved = true;
        this.active = one;
        this.render();
        say(message);
    }

    #focus(one) {
        const panes = $("compare").ariaPressed === "true" ? Object.values(this.beside.panes) : [this.pane];
        for (const pane of panes) pane.focus(one);
    }

    #turn(step) {
        const to = this.at + step;
        if (!this.documents[to]) return;
        Object.assign(this, { at: to, active: null, selected: null });
        this.render();
        say(`Document ${to + 1} of ${this.documents.length}: ${counted(this.shown.length, "entity", "entities")}.`);
        this.#focus(this.shown[0]);
    }
}
