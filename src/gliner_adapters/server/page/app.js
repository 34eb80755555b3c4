// The page: what is asked, how the answer comes, and what goes wrong on the way.

import { getAdapters, getBase, getKey, setKey } from "./api.js";
import { Chips } from "./chips.js";
import { Documents } from "./documents.js";
import { $, counted, h, say } from "./dom.js";
import { FILE, FLOOR, LABELS, PLAIN_THRESHOLD, adapterSource, entity, sourceName } from "./entities.js";
import { Offsets } from "./offsets.js";
import { FORMATS, asCurl, asJson, asTraining, copy, download } from "./output.js";
import { hideError, showError } from "./problems.js";
import { Result } from "./result.js";
import { carryOver } from "./review.js";
import { readInBatches } from "./reading.js";
import { watchTheme } from "./theme.js";
import { Training } from "./training.js";

const EXAMPLE =
    "Metformin lowered HbA1c in patients with type 2 diabetes mellitus who carried a variant of SLC22A1. " +
    "In HepG2 cells the drug activated AMP-activated protein kinase and reduced the expression of G6PC, " +
    "whereas cisplatin induced apoptosis and acute kidney injury in mice lacking TP53.";
/** Where a character is text, not a shortcut. */
const TYPING = "input:not([type=checkbox], [type=range]), textarea, select";
const EXAMPLE_LABELS = ["gene or protein", "disease", "chemical", "cell line"];

const state = { adapters: [], limits: {}, running: null };
const documents = new Documents((opened) => opened.some((each) => each.entities.length) && showFile());
const chips = new Chips($("chips"), $("label"), () => {});
const result = new Result(() => ask(true));
const training = new Training({
    reviewed,
    chosen: () => chosenAdapters().map((each) => each.name),
    adapters: loadAdapters,
    kept: () => (result.unsaved = false),
    beside,
    openKey,
});

// What is asked

const chosenAdapters = () => {
    const names = [...document.querySelectorAll("#adapters input:checked")].map((box) => box.value);
    return state.adapters.filter((each) => names.includes(each.name));
};

/** Who is to find something: the chosen adapters, then the typed labels. */
function sourcesAsked() {
    const sources = chosenAdapters().map((each) => {
        const request = { adapters: [each.name] };
        return { key: adapterSource(each.name), own: each.threshold, request };
    });
    if (chips.labels.length) sources.push({ key: LABELS, own: PLAIN_THRESHOLD, request: { labels: chips.value } });
    return sources.map((each) => ({ ...each, floor: Math.min(FLOOR, each.own) }));
}

/** The sources with letters where there are several, those of the files among them. */
function lettered(sources) {
    const all = documents.all.some((each) => each.entities.length) ? [...sources, { key: FILE }] : sources;
    return all.map((each, index) => ({ ...each, letter: all.length > 1 ? String.fromCharCode(65 + index) : "" }));
}

/** One request for all sources at the lowest threshold, or one for each at its own. */
function requests(sources, exact) {
    const nested = $("nested").checked;
    const segment = $("segment").value || null;
    if (exact) return sources.map(({ request, floor }) => ({ ...request, threshold: floor, nested, segment }));
    const threshold = Math.min(...sources.map((each) => each.floor));
    const adapters = sources.flatMap(({ request }) => request.adapters ?? []);
    const { labels } = sources.find((each) => each.key === LABELS)?.request ?? {};
    return [{ ...(adapters.length && { adapters }), ...(labels && { labels }), threshold, nested, segment }];
}

/** Annotate. With `exact`, each source at its slider's threshold instead of the lowest. */
async function ask(exact = false) {
    chips.commit();
    const sources = sourcesAsked().map((each) => {
        const threshold = exact ? result.thresholds.get(each.key) : undefined;
        return threshold === undefined ? each : { ...each, floor: threshold, start: threshold };
    });
    if (!documents.all.some((each) => each.text.trim())) return refuse("There is no text to read.", $("text"));
    if (!sources.length) return refuse("Choose an adapter or type a label: what should be found?", $("label"));
    if (!(await mayReplace())) return undefined;
    state.running?.abort();
    const running = new AbortController();
    state.running = running;
    hideError();
    $("stop").hidden = false;
    $("result").ariaBusy = "true";
    try {
        const texts = documents.all.map(({ text }) => text);
        const progress = (done) => say(`Reading: ${done} of ${counted(texts.length, "document", "documents")}.`);
        const answers = await readInBatches(texts, requests(sources, exact), state.limits, running.signal, progress);
        showAnswer(answers, lettered(sources));
    } catch (error) {
        if (state.running !== running) return undefined; // a newer request speaks now
        if (error.name === "AbortError") say("Stopped.");
        else showError(error, () => ask(), openKey);
    } finally {
        if (state.running === running) {
            state.running = null;
            $("stop").hidden = true;
            $("result").ariaBusy = "false";
        }
    }
    return undefined;
}

function refuse(message, field) {
    say(message);
    field.focus();
}

/** Whether the answer on the page may be replaced: asks if decisions about other texts would be lost. */
function mayReplace() {
    const lost = result.lost(documents.all.map(({ text }) => text));
    if (!lost) return Promise.resolve(true);
    $("confirm-text").textContent = `${counted(lost, "decision", "decisions")} about the earlier text would be lost.`;
    return new Promise((resolve) => {
        let goOn = false;
        $("confirm-yes").onclick = () => {
            goOn = true;
            $("confirm").close();
        };
        $("confirm").addEventListener("close", () => resolve(goOn), { once: true });
        $("confirm").showModal();
    });
}

// What comes back

const fromFile = (each) =>
    each.entities.map((one) => entity(one.start, one.end, one.label, FILE, { score: one.score, rest: one.rest }));

function showAnswer(answers, sources) {
    const read = documents.all.map(({ id, text, rest, entities }, index) => {
        const { found, windowed, notes } = answers[index];
        const now = found.map(({ start, end, label, score, adapter }) =>
            entity(start, end, label, adapter === null ? LABELS : adapterSource(adapter), { score }),
        );
        const before = result.documents[index]?.text === text ? result.documents[index].entities : [];
        const all = carryOver(before, [...now, ...fromFile({ entities })]);
        return { id, text, rest, offsets: new Offsets(text), entities: all, windowed, notes };
    });
    const known = chosenAdapters().flatMap((each) => each.labels.map(({ name }) => name));
    result.show(read, sources, [...known, ...Object.keys(chips.value)]);
    const number = result.output.reduce((sum, each) => sum + each.entities.length, 0);
    const names = sources.map(({ key }) => sourceName(key)).join(", ");
    say(`${counted(number, "entity", "entities")} in ${counted(read.length, "document", "documents")} (${names}).`);
}

/** The entities of opened files, for review, before anything is asked. */
async function showFile() {
    if (!(await mayReplace())) return;
    showAnswer(documents.all.map(() => ({ found: [], windowed: false, notes: [] })), lettered([]));
}

// The server

async function greet() {
    try {
        const [base, adapters] = await Promise.all([getBase(), getAdapters()]);
        $("base").textContent = `base ${base.id} (${base.architecture}-encoder)`;
        Object.assign(state, { limits: base.limits, adapters });
        drawAdapters();
        hideError();
        await training.greet(base, adapters.map((each) => each.name));
    } catch (error) {
        showError(error, greet, openKey);
    }
}

function drawAdapters() {
    const before = new Set(chosenAdapters().map((each) => each.name));
    const rows = state.adapters.map(({ name, method, labels, threshold }) => {
        const checked = before.has(name) || state.adapters.length === 1;
        const box = h("input", { type: "checkbox", value: name, checked });
        const names = labels.map((label) => label.name).join(", ");
        const about = h("small", {}, `${names} · ${method} · threshold ${threshold}`);
        return h("label", { class: "check" }, box, h("span", {}, name, about));
    });
    const none = h("p", { class: "hint" }, "This server has no adapters. Type labels instead.");
    $("adapters").replaceChildren(...(rows.length ? rows : [none]));
}

/** Load the adapters anew; their names. */
async function loadAdapters() {
    state.adapters = await getAdapters();
    drawAdapters();
    return state.adapters.map((each) => each.name);
}

function openKey() {
    $("key").value = getKey() ?? "";
    $("key-dialog").showModal();
}

// What is learned

/** What was reviewed, and for which labels: those that are shown, with the descriptions that they were found by. */
function reviewed(all) {
    const known = chosenAdapters().flatMap((each) => each.labels);
    const described = known.map(({ name, description }) => [name, description]);
    const descriptions = { ...Object.fromEntries(described), ...chips.value };
    const shown = result.labels.filter((label) => !result.hidden.has(label));
    const labels = Object.fromEntries(shown.map((label) => [label, descriptions[label] ?? null]));
    const bare = result.reviewed(all).map(({ id, text, entities }) => {
        return { id, text, entities: entities.map(({ start, end, label }) => ({ start, end, label })) };
    });
    return { documents: bare, labels };
}

/** Read with a new adapter and with what it is compared with, side by side. */
async function beside(job) {
    const names = [job.name, ...(job.beside ? [job.beside] : [])];
    for (const box of document.querySelectorAll("#adapters input")) box.checked = names.includes(box.value);
    if (job.beside) chips.set([]);
    else if (!chips.labels.length) chips.set(job.labels);
    await ask();
    if (!$("compare").hidden && $("compare").ariaPressed !== "true") $("compare").click();
}

// What leaves

function take(job, done) {
    return async () => {
        try {
            const lost = await job();
            say(lost?.length ? `${done} In this format: ${lost.join(", ")}.` : done);
        } catch (error) {
            say(error.message);
        }
    };
}

function save(name) {
    const { ending, type, write, lost } = FORMATS[name];
    const reviewed = asTraining(result.output);
    download(`reviewed.${ending}`, type, write(reviewed));
    result.unsaved = false;
    return lost(reviewed);
}

/** The request for the document in sight, as it can be repeated elsewhere: with the thresholds of the sliders. */
function curl() {
    const sources = sourcesAsked();
    if (!sources.length) throw new Error("Choose an adapter or type a label: what should be found?");
    const [request] = requests(sources, false);
    const settings = sources.map(({ key, own }) => result.thresholds.get(key) ?? own);
    const { threshold: _, ...rest } = request;
    const own = sources.every((each, index) => each.own === settings[index]);
    if (!own && new Set(settings).size > 1) {
        throw new Error("One request has one threshold: set all sliders to the same value, or reset all of them.");
    }
    return asCurl({ text: result.document.text, ...rest, ...(own ? {} : { threshold: settings[0] }) });
}

// Everything is connected here.

$("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    ask();
});
$("stop").addEventListener("click", () => state.running?.abort());
$("example").addEventListener("click", () => {
    documents.write(EXAMPLE);
    if (!sourcesAsked().length) chips.set(EXAMPLE_LABELS.map((name) => ({ name, description: null })));
    say("An example text. Annotate it, or change it first.");
});
$("key-open").addEventListener("click", openKey);
$("key-dialog").querySelector("form").addEventListener("submit", () => {
    setKey($("key").value.trim());
    greet();
});
$("help-open").addEventListener("click", () => $("help").showModal());
for (const button of document.querySelectorAll("dialog .close")) {
    button.addEventListener("click", () => button.closest("dialog").close());
}
$("download-jsonl").addEventListener("click", take(() => save("jsonl"), "Downloaded as JSON Lines."));
$("download-pubtator").addEventListener("click", take(() => save("pubtator"), "Downloaded as PubTator."));
$("copy-json").addEventListener("click", take(() => copy(asJson(result.output)), "Copied as JSON."));
const copyPubTator = async () => {
    await copy(FORMATS.pubtator.write(result.output));
    return FORMATS.pubtator.lost(result.output);
};
$("copy-pubtator").addEventListener("click", take(copyPubTator, "Copied as PubTator."));
$("copy-curl").addEventListener("click", take(() => copy(curl()), "Copied as a curl command."));
document.addEventListener("keydown", (event) => {
    if (document.querySelector("dialog[open]")) return;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) ask();
    else if (event.key === "?" && !event.target.matches(TYPING)) $("help").showModal();
    else return;
    event.preventDefault();
});
addEventListener("beforeunload", (event) => result.unsaved && event.preventDefault());
watchTheme($("theme"));
greet();
