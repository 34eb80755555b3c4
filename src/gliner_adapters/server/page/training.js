// Training an adapter on what was reviewed: what is kept for it, how it goes, and what came of it.

import * as api from "./api.js";
import { curve, inWords } from "./curve.js";
import { $, counted, h, say } from "./dom.js";
import { showError } from "./problems.js";

/** Milliseconds between two looks at a training that runs. */
const INTERVAL = 1000;
/** Characters of documents that are sent in one request. */
const MOST_CHARACTERS = 500_000;

const documents = (number) => counted(number, "document", "documents");
const share = (value) => (value === null ? "–" : value.toFixed(3));

/** The part of the page that is there if the server trains. */
export class Training {
    #timer = 0;
    #limits = {};
    #state = "idle";
    #shown = "";

    /**
     * @param page what this part needs of the rest: reviewed(all) gives {documents, labels: name → description} of what
     *     was reviewed, chosen() the names of the chosen adapters, adapters() loads the adapters anew and gives their
     *     names, kept() is told that reviewed documents are safe, beside(job) reads with the new adapter and the one
     *     before it, openKey() asks for a key.
     */
    constructor(page) {
        this.page = page;
        $("keep").addEventListener("click", () => this.#try(() => this.#keep()));
        $("forget").addEventListener("click", () => this.#try(() => this.#forget()));
        $("train-form").addEventListener("submit", (event) => {
            event.preventDefault();
            this.#try(() => this.#start());
        });
        $("train-resume").addEventListener("click", () => this.#try(() => this.#resume()));
        $("train-cancel").addEventListener("click", () => this.#try(() => this.#cancel()));
        $("train-beside-read").addEventListener("click", () => this.page.beside(this.job));
    }

    /** Begin: the server's base and limits are known. */
    async greet(base, names) {
        $("training").hidden = !base.training;
        if (!base.training) return;
        this.#limits = base.limits;
        for (const option of $("train-method").options) {
            option.disabled = (option.dataset.only ?? base.architecture) !== base.architecture;
        }
        this.#offer(names);
        await this.#try(() => this.#look());
    }

    /** Do something; what goes wrong is said here, except for a missing key. */
    async #try(job) {
        $("train-error").textContent = "";
        try {
            await job();
        } catch (error) {
            if (error.status === 401) showError(error, () => this.#try(job), this.page.openKey);
            else $("train-error").textContent = error.message;
        }
    }

    async #look() {
        this.#show(await api.getTraining());
    }

    /** Look again after a while; a server that cannot be reached may be back by then. */
    #lookAgain(wait) {
        clearTimeout(this.#timer);
        this.#timer = setTimeout(async () => {
            await this.#try(async () => {
                try {
                    await this.#look();
                } catch (error) {
                    if (error.status === 0) this.#lookAgain(3 * INTERVAL);
                    throw error;
                }
            });
        }, wait);
    }

    async #keep() {
        const { documents: all, labels } = this.page.reviewed($("keep-all").checked);
        if (!all.length) {
            throw new Error("No document has a decision yet: accept, correct or add an entity first.");
        }
        const split = $("keep-devel").checked ? "devel" : null;
        const sum = { added: 0, replaced: 0 };
        for (const batch of this.#batches(all)) {
            const { added, replaced } = await api.keepDocuments({ documents: batch, labels, split });
            sum.added += added;
            sum.replaced += replaced;
        }
        this.page.kept();
        await this.#look();
        say(`Kept for training: ${documents(sum.added)} more, ${sum.replaced} replaced.`);
    }

    #batches(all) {
        const most = this.#limits.max_texts ?? 32;
        const result = [[]];
        let characters = 0;
        for (const each of all) {
            characters += each.text.length;
            if (result.at(-1).length && (result.at(-1).length >= most || characters > MOST_CHARACTERS)) {
                result.push([]);
                characters = each.text.length;
            }
            result.at(-1).push(each);
        }
        return result;
    }

    async #forget() {
        const { deleted } = await api.forgetDocuments();
        await this.#look();
        say(`${documents(deleted)} deleted.`);
    }

    async #start() {
        const labels = [...$("train-labels").querySelectorAll("input:checked")].map((box) => box.value);
        if (!labels.length) throw new Error("Choose a label to learn.");
        const request = {
            name: $("train-name").value.trim(),
            method: $("train-method").value,
            epochs: Number($("train-epochs").value),
            beside: $("train-beside").value || null,
            labels,
        };
        this.#show(await api.startTraining(request));
        say(`The training of ${request.name} has begun.`);
    }

    async #resume() {
        this.#show(await api.resumeTraining());
        say("The training goes on.");
    }

    async #cancel() {
        const was = this.#state;
        this.#show(await api.cancelTraining());
        say(was === "running" ? "Cancelled." : "Put away.");
    }

    /** The adapters that a new one can be compared with; the first chosen one is proposed. */
    #offer(names) {
        const [chosen = ""] = this.page.chosen();
        const before = $("train-beside").value || chosen;
        const options = names.map((name) => h("option", { value: name, selected: name === before }, name));
        $("train-beside").replaceChildren(h("option", { value: "" }, "the base alone"), ...options);
    }

    /** Show how things stand, and look again if something runs. */
    #show({ state, data, job, progress, scores }) {
        clearTimeout(this.#timer);
        const ended = this.#state === "running" && state !== "running";
        Object.assign(this, { job });
        this.#state = state;
        this.#data(data);
        const running = state === "running";
        $("train-form").hidden = running || state === "interrupted";
        $("train-run").hidden = job === null;
        if (job) this.#job(state, job, progress, scores);
        if (running) this.#lookAgain(INTERVAL);
        if (ended && state === "finished") this.#finished(job);
    }

    async #finished(job) {
        this.#offer(await this.page.adapters());
        say(`${job.name} is trained, and among the adapters.`);
    }

    #data({ train, devel, open, labels, needed }) {
        const number = train + devel + open;
        const parts = [open && `${open} new`, train && `${train} to train on`, devel && `${devel} held out`];
        const told = number ? ` (${parts.filter(Boolean).join(", ")})` : "";
        const missing = train + open < needed ? ` A training needs ${needed}.` : "";
        $("training-data").textContent = `${documents(number)} kept for training${told}.${missing}`;
        $("forget").disabled = !number;
        const names = JSON.stringify(labels);
        if (names === this.#shown) return;
        this.#shown = names;
        const off = new Set([...$("train-labels").querySelectorAll("input:not(:checked)")].map((box) => box.value));
        const boxes = Object.entries(labels).map(([name, count]) =>
            h(
                "label",
                { class: "check" },
                h("input", { type: "checkbox", value: name, checked: !off.has(name) }),
                h("span", {}, `${name} (${count})`),
            ),
        );
        const group = $("train-labels");
        group.replaceChildren(group.querySelector("legend"), h("div", { class: "row" }, ...boxes));
        group.hidden = !boxes.length;
    }

    #job(state, job, progress, scores) {
        const heads = {
            running: `${job.name} is being trained: ${progress.phase}`,
            interrupted: `The training of ${job.name} was interrupted.`,
            failed: `The training of ${job.name} failed.`,
            finished: `${job.name} is trained.`,
        };
        const steps = progress.total ? ` ${progress.done} of ${progress.total}` : "";
        $("train-what").textContent = heads[state] + (state === "running" ? `${steps}.` : "");
        const bar = $("train-progress");
        bar.hidden = state !== "running";
        bar.max = progress.total || 1;
        if (progress.total) bar.value = progress.done;
        else bar.removeAttribute("value");
        const { loss, devel } = progress;
        const last = Math.max(...loss.map(([step]) => step), ...devel.map((row) => row.step));
        const drawn = [];
        if (loss.length || devel.length) {
            drawn.push(curve(progress, progress.phase === "training" ? progress.total : last));
            drawn.push(h("p", { class: "hint" }, inWords(progress)));
        }
        $("train-curve").replaceChildren(...drawn);
        const left = job.left_out && `${documents(job.left_out)} left out: not reviewed for all of these labels.`;
        const without = job.without.length && `Without an entity, so not learned: ${job.without.join(", ")}.`;
        const about =
            `${job.method} on ${documents(job.train)}, ${job.epochs} epochs at most, for ` +
            `${job.labels.map((label) => label.name).join(", ")}; started by ${job.by}. ${sentence(job.choice)}`;
        const notes = [job.message && sentence(job.message), about, left, without, ...progress.notes].filter(Boolean);
        $("train-notes").replaceChildren(...notes.map((note) => h("li", {}, note)));
        $("train-scores").replaceChildren(...(scores ? [table(job, scores)] : []));
        $("train-beside-read").hidden = state !== "finished";
        $("train-resume").hidden = state !== "interrupted";
        $("train-cancel").textContent = { running: "Cancel", interrupted: "Discard" }[state] ?? "Put away";
    }
}

const sentence = (text) => `${text[0].toUpperCase()}${text.slice(1)}${text.endsWith(".") ? "" : "."}`;

/** Both adapters' scores, side by side. */
function table(job, scores) {
    const old = job.beside ?? "the base alone";
    const row = (head, ...cells) =>
        h("tr", {}, h("th", { scope: "row" }, head), ...cells.map((cell) => h("td", {}, String(cell))));
    const mean = (name, key) => row(name, "", share(scores.new[key]), share(scores.old?.[key] ?? null));
    const scored = (each) => row(each.label, each.mentions, share(each.new_f1), share(each.old_f1));
    const columns = ["F1", "mentions", job.name, old].map((name) => h("th", { scope: "col" }, name));
    const caption =
        `On ${documents(scores.documents)} that neither was trained on here; exact spans. ` +
        "Macro and micro: over the labels that both know.";
    return h(
        "table",
        {},
        h("caption", {}, caption),
        h("thead", {}, h("tr", {}, ...columns)),
        h("tbody", {}, mean("macro", "macro_f1"), mean("micro", "micro_f1"), ...scores.labels.map(scored)),
    );
}
