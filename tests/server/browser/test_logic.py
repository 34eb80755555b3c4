"""The page's own arithmetic, in the browser that runs it, against the library's."""

from __future__ import annotations

import random
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gliner_adapters.documents import Document, Entity, read_documents, write_documents
from gliner_adapters.documents.formats import get_format

if TYPE_CHECKING:
    from playwright.sync_api import Page

ALPHABET = [*"aB \n中é\u200b\U0001f600\U0001d4b3", "e\u0301", "\U0001f468\u200d\U0001f52c"]


def run(page: Page, module: str, body: str, given: Any = None) -> Any:
    """Run a function's body with the module as ``m`` and what is given as ``given``."""
    return page.evaluate(f"async (given) => {{ const m = await import('/assets/{module}.js'); {body} }}", given)


def random_documents(seed: int, number: int) -> list[Document]:
    """Texts of all kinds of characters, with entities that nest, cross and repeat."""
    rng = random.Random(seed)
    documents = []
    for index in range(number):
        text = "".join(rng.choices(ALPHABET, k=rng.randint(1, 40)))
        spans = [sorted(rng.sample(range(len(text) + 1), 2)) for _ in range(rng.randint(0, 6))]
        entities = [Entity(start, end, rng.choice("xyz")) for start, end in spans]
        documents.append(Document(text, entities, f"d{index}"))
    return documents


def plain(documents: list[Document]) -> list[dict[str, Any]]:
    """Documents as the page holds them."""
    return [
        {
            "id": document.id,
            "text": document.text,
            "entities": [
                {"start": e.start, "end": e.end, "label": e.label, "score": e.score, "rest": {}}
                for e in document.entities
            ],
            "rest": {},
        }
        for document in documents
    ]


def test_offsets_are_pythons(page: Page) -> None:
    given = plain(random_documents(1, 40))
    found = run(
        page,
        "offsets",
        """return given.map(({ text, entities }) => {
            const offsets = new m.Offsets(text);
            const back = entities.every(({ start, end }) =>
                offsets.toPoints(offsets.toUnits(start)) === start && offsets.toPoints(offsets.toUnits(end)) === end);
            const mentions = entities.map(({ start, end }) => offsets.slice(start, end));
            return [offsets.length, mentions, back, offsets.find("a")];
        });""",
        given,
    )
    for document, (length, mentions, back, places) in zip(given, found, strict=True):
        text = document["text"]
        assert length == len(text)
        assert mentions == [text[e["start"] : e["end"]] for e in document["entities"]]
        assert back
        assert places == [[i, i + 1] for i, char in enumerate(text) if char == "a"]
    with pytest.raises(Exception, match="outside of a text of 1 characters"):
        run(page, "offsets", "return new m.Offsets('a').toUnits(2)")


@pytest.mark.parametrize("name", ["jsonl", "pubtator"])
def test_what_the_page_writes_is_read_and_the_other_way_round(page: Page, name: str, tmp_path: Path) -> None:
    documents = random_documents(2, 40)
    if name == "pubtator":  # it has two lines of text, the second not empty
        documents = [Document(d.text.replace("\n", " ") + "\n.", d.entities, d.id) for d in documents]
    writer, reader = {"jsonl": ("writeJsonLines", "readJsonLines"), "pubtator": ("writePubTator", "readPubTator")}[name]
    written = run(page, name, f"return m.{writer}(given)", plain(documents))
    path = tmp_path / f"page.{name}"
    path.write_text(written, encoding="utf-8", newline="")
    assert list(read_documents(path)) == documents
    write_documents(documents, tmp_path / f"library.{name}")
    content = (tmp_path / f"library.{name}").read_bytes().decode("utf-8")
    if name == "pubtator":
        assert written == content
    assert run(page, name, f"return m.{reader}(given)", content) == plain(documents)
    assert name in get_format(name).endings[0]


def test_what_pubtator_has_no_place_for_is_told(page: Page) -> None:
    entity = {"start": 0, "end": 1, "label": "x", "score": 0.5, "rest": {"id": "C1", "meta": {"mentions": ["a"]}}}
    odd = {**entity, "score": None, "rest": {"meta": {"sure": True}}}
    documents = [
        {"id": "1", "text": "a\nb", "entities": [entity], "rest": {"meta": {"relations": []}}},
        {"id": "2", "text": "a\nb\nc\r", "entities": [odd], "rest": {"words": [[0, 1]], "meta": {"year": 1998}}},
    ]
    assert run(page, "pubtator", "return m.lostInPubTator(given)", documents) == [
        "2 line breaks are spaces",
        "1 scores are left out",
        "1 words and sentences of documents are left out",
        "1 metadata of documents are left out",
        "1 metadata of entities are left out",
    ]
    bare = [{"id": "1", "text": "a", "entities": [{**entity, "score": None, "rest": {}}], "rest": {}}]
    assert run(page, "pubtator", "return m.lostInPubTator(given)", bare) == []


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.pubtator", "1|t|a\n1|a|b\n1\t0\t2\ta\tx\n", "x.pubtator, line 3: at 0-2 stands “a ”, not “a”"),
        ("x.pubtator", "1|t|a\n2|a|b\n", "x.pubtator, line 2: expected a blank line between documents"),
        ("x.pubtator", "\n1|t|a\n\nhello\n", "x.pubtator, line 4: expected PMID|t|title"),
        ("x.pubtator", "1|t|a\n1|a|b\n1\t0\tx\n", "x.pubtator, line 3: expected PMID, start, end, mention and type"),
        ("x.jsonl", '{"text": "a"}\n{"id": 1}\n', "x.jsonl, line 2: expected a string in field “text”"),
        ("x.ndjson", "\n[1]\n", "x.ndjson, line 2: not an object"),
        (
            "x.jsonl",
            '{"text": "a", "label": [[0, 1, "x"]]}',
            "x.jsonl, line 1: the field “label” looks like annotation",
        ),
        (
            "x.jsonl",
            '{"text": "a", "entities": [[0, 1, "x"]]}',
            "x.jsonl, line 1: an entity is a list, as in the format",
        ),
        (
            "x.jsonl",
            '{"tokenized_text": ["a"], "ner": [[0, 1, "x"]]}',
            "x.jsonl, line 1: “ner” names words 0 to 1 of 1",
        ),
        ("x.jsonl", " \n", "x.jsonl, there is no document in it"),
    ],
)
def test_what_a_file_has_wrong_is_named(page: Page, name: str, content: str, message: str) -> None:
    body = "try { m.readFile(given[0], new TextEncoder().encode(given[1])); } catch (error) { return error.message; }"
    assert message in run(page, "files", body, [name, content])


def test_a_file_that_is_no_text(page: Page) -> None:
    body = "try { m.readFile('x.txt', new Uint8Array([255, 254])); } catch (error) { return error.message; }"
    assert run(page, "files", body) == "x.txt: this is not UTF-8 text"


def test_pieces_cover_the_text_and_lanes_never_collide(page: Page) -> None:
    given = [{**each, "length": len(each["text"])} for each in plain(random_documents(3, 60))]
    found = run(
        page,
        "highlight",
        """return given.map(({ length, entities }) => {
            const lanes = m.lanes(entities);
            const index = (one) => entities.indexOf(one);
            return {
                lanes: entities.map((one) => lanes.get(one)),
                pieces: m.pieces(length, entities).map((piece) =>
                    [piece.start, piece.end, piece.layers.map(index), piece.ending.map(index)]),
            };
        });""",
        given,
    )
    nested = 0
    for document, drawn in zip(given, found, strict=True):
        spans = [(e["start"], e["end"]) for e in document["entities"]]
        pieces = drawn["pieces"]
        assert [start for start, *_ in pieces] == [0, *(end for _, end, *_ in pieces[:-1])]
        assert pieces[-1][1] == document["length"]
        for start, end, layers, ending in pieces:
            assert sorted(layers) == [i for i, span in enumerate(spans) if span[0] <= start and end <= span[1]]
            assert sorted(ending) == [i for i, span in enumerate(spans) if span[1] == end]
            lanes = [drawn["lanes"][i] for i in layers]
            assert len(set(lanes)) == len(lanes)
        for i, (start, end) in enumerate(spans):
            for j, (first, last) in enumerate(spans):
                if (first, last) != (start, end) and start <= first and last <= end:
                    nested += 1
                    assert drawn["lanes"][j] != drawn["lanes"][i]
    assert nested > 20


def test_decisions_are_carried_over(page: Page) -> None:
    found = run(
        page,
        "review",
        """const { entity } = await import('/assets/entities.js');
        const make = () => [0, 5, 9].map((start) => entity(start, start + 2, "x", "labels", { score: 0.5 }));
        const [review, before] = [new m.Review(), make()];
        const found = { entities: before };
        review.decide(before[0], "rejected");
        review.relabel(before[1], "y");
        review.relabel(before[1], "x");
        review.relabel(before[1], "z");
        review.add(found, 20, 22, "w");
        review.add(found, 9, 11, "x");
        const all = m.carryOver(found.entities, make().slice(0, 2));
        const told = all.map(({ start, label, source, state, was }) => [start, label, source, state, was]);
        while (review.undo());
        return [told, found.entities.map(({ start, label, state, was }) => [start, label, state, was])];""",
    )
    assert found == [
        [
            [0, "x", "labels", "rejected", None],
            [5, "z", "labels", "accepted", "x"],
            [9, "x", "labels", "accepted", None],
            [20, "w", "added", "accepted", None],
        ],
        [[0, "x", "open", None], [5, "x", "open", None], [9, "x", "open", None]],
    ]


@pytest.mark.skipif(shutil.which("sh") is None, reason="needs a POSIX shell")
def test_a_shell_reads_quoted_text_as_it_is(page: Page) -> None:
    text = "it's $HOME `x` \\ \" ! \n ''  \U0001f600 *"
    quoted = run(page, "output", "return m.shellQuote(given)", text)
    result = subprocess.run(["sh", "-c", f"printf %s {quoted}"], capture_output=True, check=True)
    assert result.stdout.decode() == text


def test_batches_are_small_and_leave_nothing_out(page: Page) -> None:
    texts = ["a" * 15_000, " ", "b" * 15_000, "c", "d", "e" * 50_000, "f"]
    assert run(page, "reading", "return m.batches(given, 2)", texts) == [[0], [2, 3], [4], [5], [6]]


def test_a_thousand_entities_are_drawn_at_once(page: Page) -> None:
    """10,000 words with 1,000 entities, nested and crossing among them, in well under a second."""
    milliseconds = run(
        page,
        "highlight",
        """const { Offsets } = await import('/assets/offsets.js');
        const { entity } = await import('/assets/entities.js');
        const text = "wordy ".repeat(10_000);
        const entities = Array.from({ length: 1000 }, (_, i) =>
            entity(i * 58, i * 58 + 5 + 12 * (i % 7), "label", "labels", { score: 0.5 }));
        const root = document.getElementById("together");
        document.getElementById("found").hidden = false;
        const took = [1, 2, 3].map(() => {
            const start = performance.now();
            const { nodes } = m.draw(new Offsets(text), entities, () => ({ colour: 1, label: "label", name: "name" }));
            root.replaceChildren(nodes);
            root.getBoundingClientRect();
            return performance.now() - start;
        });
        if (root.textContent !== text) throw new Error("the text is not exact");
        return Math.min(...took);""",
    )
    assert milliseconds < 1000
