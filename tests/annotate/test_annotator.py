"""The annotator: what is found depends on the text, the labels and the threshold, and on nothing else."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from adapters.helpers import Tiny, trained_adapter
from bases import LABELS, RECIPES, TEXTS, build_base
from gliner_adapters.annotate import Annotator, Request
from gliner_adapters.documents import Document, Entity, Label, as_labels
from gliner_adapters.errors import BaseModelError, ConfigError
from gliner_adapters.inference.sources import label_groups
from gliner_adapters.model import load_base

Found = list[tuple[int, int, str, Any]]
NAMES = [label.name for label in LABELS]


def found(documents: list[Document]) -> list[Found]:
    """Entities with scores."""
    return [[(*e.key, e.score) for e in d.entities] for d in documents]


def about(expected: list[Found]) -> list[Found]:
    """To compare with: a score may differ in its last digits between batches of other shapes."""
    return [[(*entity[:3], pytest.approx(entity[3], abs=1e-4)) for entity in entities] for entities in expected]


def trained(tiny: Tiny, method: str, name: str, **known: Any) -> Any:
    return trained_adapter(tiny(name).base, method, **known)


@pytest.mark.parametrize(
    ("method", "name"),
    [("full", "uni-bert"), ("heads", "uni-deberta"), ("full", "bi-modernbert"), ("label-embeddings", "bi-bert")],
)
def test_entities_do_not_depend_on_what_else_is_read(method: str, name: str, tiny: Tiny) -> None:
    adapter = trained(tiny, method, name)
    texts = [*TEXTS, *(" ".join(TEXTS[i:]) for i in range(3))]
    alone = about([found(Annotator(adapter, max_passages=1).annotate([text]))[0] for text in texts])
    assert sum(map(len, alone)) > 5
    for passages, tokens in ((32, 8192), (3, 8192), (32, 60)):
        annotator = Annotator(adapter, max_passages=passages, max_tokens=tokens)
        assert found(annotator.annotate(texts)) == alone
        order = random.Random(passages).sample(range(len(texts)), len(texts))
        shuffled = found(annotator.annotate([texts[i] for i in order]))
        assert [shuffled[order.index(i)] for i in range(len(texts))] == alone
        assert found(list(annotator.stream(texts, chunk=2))) == alone


def test_a_stream_is_read_in_blocks(tiny: Tiny) -> None:
    """Bounded memory: the stages run a few blocks ahead at most, and results come in order."""
    taken: list[int] = []

    def source() -> Iterator[Document]:
        for number in range(120):
            taken.append(number)
            yield Document("Aspirin grew.", id=str(number))

    stream = Annotator(trained(tiny, "heads", "bi-bert")).stream(source(), chunk=3)
    assert next(stream).id == "0"
    time.sleep(0.5)
    assert len(taken) <= 3 * 13, "four stages, each with the block that it is at and two that wait before it"
    assert [document.id for document in stream] == [str(number) for number in range(1, 120)]
    assert list(Annotator(trained(tiny, "heads", "bi-bert")).stream([])) == []


@pytest.mark.parametrize("name", ["uni-deberta", "bi-bert"])
def test_offsets(name: str, tiny: Tiny) -> None:
    texts = ["  Aspirin\n\nand\tasthma. ", "Ärzte gaben Aspirin \U0001f600 gegen Asthma.", "β-blockers; Asthma", *TEXTS]
    documents = Annotator(trained(tiny, "full", name), threshold=0.05, nested=True).annotate(texts)
    assert sum(len(document.entities) for document in documents) > 10
    for text, document in zip(texts, documents, strict=True):
        assert document.text == text
        for entity in document.entities:
            mention = text[entity.start : entity.end]
            assert mention == document.mention(entity) == mention.strip() != ""
            assert entity.label in NAMES
            assert 0.05 < (entity.score or 0) <= 1


def test_a_threshold_is_exceeded_strictly_by_all_that_is_found(tiny: Tiny) -> None:
    adapter = trained(tiny, "full", "bi-bert", threshold=0.3)
    candidates = [e for d in Annotator(adapter, threshold=0.0, nested=True).annotate(TEXTS) for e in d.entities]
    everything = Annotator(adapter, nested=True).annotate(TEXTS)
    assert all((e.score or 0) > 0.3 for d in everything for e in d.entities)
    strict = Annotator(adapter, threshold=0.6, nested=True).annotate(TEXTS)
    assert all((e.score or 0) > 0.6 for d in strict for e in d.entities)
    counts = [sum(len(d.entities) for d in documents) for documents in (strict, everything)]
    assert 0 < counts[0] < counts[1] < len(candidates)
    assert not any(d.entities for d in Annotator(adapter, threshold=1.0).annotate(TEXTS))


def test_a_threshold_for_each_label(tiny: Tiny) -> None:
    adapter = trained(tiny, "full", "bi-bert")
    common = Annotator(adapter, threshold=0.2, nested=True).annotate(TEXTS)
    by_label = {"chemical": 0.2, "disease": 0.7, "cell line": 1.0}
    own = Annotator(adapter, threshold=[by_label[name] for name in adapter.labels], nested=True).annotate(TEXTS)
    expected = {e.label for d in common for e in d.entities}
    assert {"chemical", "disease"} <= expected
    assert not [e for d in own for e in d.entities if (e.score or 0) <= by_label[e.label]]
    assert {e.label for d in own for e in d.entities} <= {"chemical", "disease"}


@pytest.mark.parametrize("wrong", [-0.1, 1.1, float("nan"), [0.5, 0.5, 2.0]])
def test_no_probability(wrong: Any, tiny: Tiny) -> None:
    with pytest.raises(ConfigError, match="probability between 0 and 1"):
        Annotator(trained(tiny, "heads", "bi-bert"), threshold=wrong)


@pytest.mark.parametrize("wrong", [[0.5], [0.5] * 4, []])
def test_too_few_or_many_thresholds(wrong: list[float], tiny: Tiny) -> None:
    with pytest.raises(ConfigError, match=f"{len(wrong)} thresholds for 3 labels"):
        Annotator(trained(tiny, "heads", "bi-bert"), threshold=wrong)


@pytest.mark.parametrize("name", ["uni-bert", "bi-bert"])
def test_a_base_is_asked_for_labels_of_any_form(name: str, tiny: Tiny) -> None:
    base = tiny(name).base
    forms: list[Any] = [NAMES, tuple(LABELS), {label.name: label.description for label in LABELS}]
    results = [found(Annotator(base, form, threshold=0.3).annotate(TEXTS)) for form in forms]
    assert results[0] == results[1] == results[2]
    assert any(results[0])
    described = Annotator(base, LABELS, threshold=0.3, label_style="description")
    assert found(described.annotate(TEXTS)) != results[0]
    assert [label.name for label in described.labels] == NAMES
    assert Annotator(base, NAMES).threshold == 0.5


@pytest.mark.parametrize(
    ("labels", "complaint"),
    [
        (None, "a base without an adapter needs labels"),
        ("chemical", "not one string"),
        ([], "at least one"),
        (["a", "a"], "labels given twice: a"),
        ([" "], "empty name"),
    ],
)
def test_a_base_without_usable_labels(labels: Any, complaint: str, tiny: Tiny) -> None:
    with pytest.raises(ConfigError, match=complaint):
        Annotator(tiny("bi-bert").base, labels)


@pytest.mark.parametrize("given", [{"labels": ["gene"]}, {"label_style": "name"}])
def test_an_adapter_brings_its_own_labels(given: dict[str, Any], tiny: Tiny) -> None:
    with pytest.raises(ConfigError, match="an adapter brings its own labels"):
        Annotator(trained(tiny, "heads", "bi-bert"), **given)


def test_empty_descriptions_are_none() -> None:
    assert as_labels({"a": "", "b": None, "c": "d"}) == [Label("a"), Label("b"), Label("c", "d")]


@pytest.mark.parametrize("name", ["uni-bert", "bi-bert"])
def test_flat_and_nested(name: str, tiny: Tiny) -> None:
    adapter = trained(tiny, "full", name, threshold=0.2)
    flat, nested = (Annotator(adapter, nested=nested).annotate(TEXTS) for nested in (False, True))

    def pairs(document: Document) -> list[tuple[Entity, Entity]]:
        entities = document.entities
        return [(a, b) for i, a in enumerate(entities) for b in entities[i + 1 :]]

    assert not [1 for d in flat for a, b in pairs(d) if a.start < b.end and b.start < a.end]
    overlapping = [(a, b) for d in nested for a, b in pairs(d) if a.start < b.end and b.start < a.end]
    assert overlapping
    for a, b in overlapping:
        assert (a.start <= b.start and b.end <= a.end) or (b.start <= a.start and a.end <= b.end)


@pytest.mark.parametrize("text", ["", " ", "\n\t "])
def test_nothing_to_read(text: str, tiny: Tiny) -> None:
    annotator = Annotator(trained(tiny, "heads", "uni-bert"))
    assert annotator.annotate([text]) == [Document(text)]
    assert found(annotator.annotate([text, TEXTS[0]]))[1] == found(annotator.annotate([TEXTS[0]]))[0]
    assert annotator.annotate([]) == []


def test_documents_keep_what_they_are(tiny: Tiny) -> None:
    annotator = Annotator(trained(tiny, "full", "bi-bert", threshold=0.2))
    text = "Aspirin-induced asthma. HeLa cells grew."
    words = [(0, 15), (16, 22), (22, 23), (24, 28), (29, 34), (35, 39), (39, 40)]
    given = Document(
        text,
        [Entity(0, 7, "mine", identifier="D1")],
        id="17",
        words=words,
        sentences=[(0, 23), (24, 40)],
        meta={"relations": [["CID", "D1", "D2"]]},
    )
    (read,) = annotator.annotate([given])
    assert (read.id, read.words, read.sentences, read.meta) == (given.id, words, given.sentences, given.meta)
    assert given.entities == [Entity(0, 7, "mine", identifier="D1")], "what was given is not changed"
    assert read.entities
    assert {e.label for e in read.entities} <= set(NAMES)
    starts, ends = {w[0] for w in words}, {w[1] for w in words}
    assert all(e.start in starts and e.end in ends for e in read.entities), "the document's words are the words"


def test_gold_entities_do_not_change_what_is_found(tiny: Tiny) -> None:
    annotator = Annotator(trained(tiny, "full", "bi-bert"))
    annotated = [Document(text, [Entity(1, 3, "chemical")]) for text in TEXTS]
    assert found(annotator.annotate(annotated)) == found(annotator.annotate(TEXTS))


@pytest.fixture(scope="module")
def short_base(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Any]:
    """Bases that read 40 sub-tokens at once."""

    def get(name: str) -> Any:
        return load_base(str(build_base(RECIPES[name], tmp_path_factory.mktemp("short"), positions=40)))

    return get


@pytest.mark.parametrize("name", ["uni-bert", "bi-bert"])
def test_long_text_is_windowed(name: str, short_base: Callable[[str], Any]) -> None:
    adapter = trained_adapter(short_base(name), "full", LABELS[:2])
    sentences = [TEXTS[1], TEXTS[3] + ".", "Aspirin helped.", "HeLa died."] * 5
    text = " ".join(sentences)
    annotator = Annotator(adapter, segment="window", threshold=0.0)
    (read,) = annotator.annotate([text])
    assert read.text == text
    assert annotator.losses.windowed == 1
    assert not annotator.losses.lines(), "nothing is lost, so there is nothing to tell"
    covered = {position for e in read.entities for position in range(e.start, e.end)}
    assert covered >= {i for i, character in enumerate(text) if character.isalnum()}, "all of the text is read"
    # Sentence by sentence it is the same as the sentences on their own, whatever the length of the text.
    by_sentence = Annotator(adapter, segment="sentence", threshold=0.2)
    (whole,) = by_sentence.annotate([text])
    offset, expected = 0, []
    for sentence, alone in zip(sentences, by_sentence.annotate(sentences), strict=True):
        expected += [(e.start + offset, e.end + offset, e.label) for e in alone.entities]
        offset += len(sentence) + 1
    assert [e.key for e in whole.entities] == expected


@pytest.mark.parametrize("name", ["uni-bert", "bi-bert"])
def test_words_longer_than_an_input_are_counted(name: str, short_base: Callable[[str], Any]) -> None:
    annotator = Annotator(trained_adapter(short_base(name), "heads", LABELS[:2]))
    chain = "acgt" * 60
    documents = annotator.annotate([f"Aspirin {chain} asthma", "HeLa cells grew."])
    assert annotator.losses.oversized == 1
    assert annotator.losses.lines() == ["1 words are longer than an input; their ends are not read"]
    annotator.annotate([chain])
    assert annotator.losses.oversized == 2, "summed over all calls"
    assert [d.text for d in documents] == [f"Aspirin {chain} asthma", "HeLa cells grew."]


def test_more_labels_than_an_input_holds_are_read_in_groups(short_base: Callable[[str], Any]) -> None:
    base = short_base("uni-bert")
    names = [f"label{i}" for i in range(30)]
    annotator = Annotator(base, names, threshold=0.0, nested=True)
    texts = ["Asthma", "HeLa grew", "cells"]
    request = [Request(Document(text), labels=tuple(map(Label, names))) for text in texts]
    (note,) = annotator.read(request)[0].notes
    assert re.fullmatch(r"30 labels do not fit into one input .* in \d+ groups", note)
    groups = label_groups(base, [Label(name) for name in names], "name")
    assert len(groups) > 1
    assert [label.name for group in groups for label in group] == names
    # A span has the label that scores best in any group.
    best: list[dict[tuple[int, int], tuple[float, str]]] = [{} for _ in texts]
    for group in groups:
        alone = found(Annotator(base, group, threshold=0.0, nested=True).annotate(texts))
        for spans, entities in zip(best, alone, strict=True):
            for start, end, label, score in entities:
                spans[start, end] = max((score, label), spans.get((start, end), (0.0, "")))
    for spans, entities in zip(best, found(annotator.annotate(texts)), strict=True):
        assert entities
        for start, end, label, score in entities:
            assert label == spans[start, end][1]
            assert score == pytest.approx(spans[start, end][0], abs=1e-4)


def test_a_label_that_leaves_no_room(short_base: Callable[[str], Any]) -> None:
    with pytest.raises(BaseModelError, match=r"1 labels leave .* use fewer or shorter labels"):
        Annotator(short_base("uni-bert"), ["very long label " * 10])


def test_precision_bf16_reads(tiny: Tiny) -> None:
    adapter = trained(tiny, "full", "bi-bert")
    exact, fast = (Annotator(adapter, precision=p, threshold=0.2).annotate(TEXTS) for p in ("fp32", "bf16"))
    both = {(i, e.key) for i, d in enumerate(exact) for e in d.entities} & {
        (i, e.key) for i, d in enumerate(fast) for e in d.entities
    }
    assert len(both) > 0.5 * sum(len(d.entities) for d in exact)
