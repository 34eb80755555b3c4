"""Documents to passages and back: nothing is truncated, offsets hold, what is lost is counted."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import pytest

from adapters.helpers import Tiny
from bases import LABELS, MAX_WIDTH, PLAIN, TEXTS, TinyBase
from gliner_adapters.documents import (
    Document,
    Entity,
    Label,
    WordSpan,
    merge_windows,
    split_words,
    word_spans,
    words_entity,
)
from gliner_adapters.documents.sentences import sentence_breaks
from gliner_adapters.errors import BaseModelError
from gliner_adapters.model import Base, passages
from gliner_adapters.model.passages import Losses, Segmenter, entities_of
from parts_reader import PartsReader

each_plain = pytest.mark.parametrize("tiny_base", [*PLAIN, "bi-modernbert"], indirect=True)


def predictor_of(base: Base) -> PartsReader:
    inputs = base.label_inputs(LABELS) if base.architecture == "bi" else None
    return PartsReader(base, base.parts, LABELS, inputs)


def long_text(sentences: int, seed: int = 0) -> str:
    """Several inputs' worth of text; the seed shuffles it."""
    shuffled = random.Random(seed)
    words = " ".join(TEXTS).split()
    return " ".join(
        " ".join(shuffled.sample(words, shuffled.randint(3, 40))).replace(".", "") + ". Then" for _ in range(sentences)
    )


@each_plain
@pytest.mark.parametrize("segment", ["sentence", "window"])
@pytest.mark.parametrize("nested", [False, True], ids=["flat", "nested"])
def test_a_long_document_reads_like_its_windows(tiny_base: TinyBase, segment: str, nested: bool) -> None:
    """Each window read as a document of its own, alone, gives what the long document gives."""
    base = tiny_base.base
    predictor = predictor_of(base)
    document = Document(long_text(8))
    words = word_spans(document)
    (read,), segmenter = predictor.annotate([document], 0.5, nested=nested, segment=segment)
    passages = segmenter.passages([document])
    windows = [p.window for p in passages]
    assert len(windows) > 3
    assert {i for w in windows for i in range(w.start, w.end)} == set(range(len(words)))
    found = []
    for window in windows:
        start = words[window.start][0]
        part = Document(
            document.text[start : words[window.end - 1][1]],
            words=[(s - start, e - start) for s, e in words[window.start : window.end]],
        )
        (alone,), own = predictor.annotate([part], 0.5, nested=nested)
        assert own.losses.windowed == 0
        at_start = {s: i for i, (s, _) in enumerate(part.words or ())}
        at_end = {e: i for i, (_, e) in enumerate(part.words or ())}
        found.append([WordSpan(at_start[e.start], at_end[e.end], e.label, e.score or 0) for e in alone.entities])
    expected = [words_entity(words, s.first, s.last, s.label, score=s.score) for s in merge_windows(windows, found)]
    assert [e.key for e in read.entities] == [e.key for e in expected]
    assert [e.score for e in read.entities] == pytest.approx([e.score for e in expected], abs=1e-4)
    assert len(read.entities) > 10


@each_plain
def test_offsets_lie_on_words(tiny_base: TinyBase) -> None:
    document = Document("  " + long_text(5, seed=3).replace(" ", "\n ", 20) + "\t")
    (read,), _ = predictor_of(tiny_base.base).annotate([document], 0.4)
    starts, ends = zip(*split_words(document.text), strict=True)
    assert read.text == document.text
    assert read.entities
    for entity in read.entities:
        assert entity.start in starts
        assert entity.end in ends
        assert document.mention(entity) == document.text[entity.start : entity.end].strip()


@each_plain
def test_a_word_longer_than_an_input_is_reported(tiny_base: TinyBase) -> None:
    base = tiny_base.base
    text = f"HeLa cells {'methotrexate' * 90} asthma."
    segmenter = Segmenter(base, LABELS)
    passages = segmenter.passages([Document(text)])
    assert segmenter.losses.oversized == 1
    assert any("longer than an input" in line for line in segmenter.losses.lines())
    assert [(p.window.start, p.window.end) for p in passages] == [(0, 2), (2, 3), (3, 5)]
    assert [p.ids.size <= segmenter.budget for p in passages] == [True] * 3
    (read,), _ = predictor_of(base).annotate([Document(text)], 0.0)
    covered = {i for e in read.entities for i in range(e.start, e.end)}
    assert covered >= {i for s, e in split_words(text) for i in range(s, e)}, "what fits of the word is read"


@pytest.mark.parametrize("tiny_base", PLAIN, indirect=True)
def test_every_input_fits(tiny_base: TinyBase) -> None:
    """With special tokens and label prompt no input is longer than the encoder's positions."""
    base = tiny_base.base
    predictor = predictor_of(base)
    passages = Segmenter(base, LABELS, "window").passages([Document(long_text(12, seed)) for seed in range(4)])
    limit = base.parts.text_encoder.transformer.model.config.max_position_embeddings
    sizes = [predictor.collate([p]).input_ids.shape[1] for p in passages]
    assert max(sizes) <= limit
    assert max(sizes) > 0.9 * limit, "windows use the room there is"


def test_words_per_passage_are_bounded(tiny: Callable[[str], TinyBase]) -> None:
    base = tiny("bi-bert").base
    document = Document("a " * 500)
    passages = Segmenter(base, LABELS, "window").passages([document])
    assert max(p.words for p in passages) <= base.max_words


def test_labels_that_leave_no_room(tiny: Callable[[str], TinyBase]) -> None:
    many = [Label(f"chemical number {i}") for i in range(40)]
    with pytest.raises(BaseModelError, match=r"40 labels leave .* sub-tokens for the text"):
        Segmenter(tiny("uni-bert").base, many)
    assert Segmenter(tiny("bi-bert").base, many).budget == 126


def test_gold_is_carried_or_counted(tiny: Callable[[str], TinyBase]) -> None:
    base = tiny("bi-bert").base
    text = "Aspirin-induced asthma in HeLa cells and a very long name of one disease. Naloxone helped."
    entities = [
        Entity(0, 7, "chemical"),  # within a word, which is split
        Entity(16, 22, "disease"),
        Entity(26, 36, "cell line"),
        Entity(16, 22, "symptom"),  # not asked for
        Entity(41, 73, "disease"),  # seven words, more than the base's five
        Entity(22, 25, "disease"),  # begins with a space
        Entity(text.index("disease."), text.index(" helped"), "chemical"),  # across sentences
        Entity(text.index("Naloxone"), text.index(" helped"), "chemical"),
    ]
    segmenter = Segmenter(base, LABELS)
    passages = segmenter.passages([Document(text, entities)], gold=True)
    assert asdict(segmenter.losses) == asdict(Losses(too_wide=1, off_words=1, across=1, other_labels=1, refined=1))
    assert len(segmenter.losses.lines()) == 5
    assert [p.spans for p in passages] == [[(0, 0, 0), (2, 2, 1), (4, 5, 2)], [(0, 0, 0)]]


def test_reading_does_not_depend_on_gold(tiny: Callable[[str], TinyBase]) -> None:
    base = tiny("bi-bert").base
    text = "Aspirin-induced asthma"
    (bare,) = Segmenter(base, LABELS).passages([Document(text)])
    (annotated,) = Segmenter(base, LABELS).passages([Document(text, [Entity(0, 7, "chemical")])])
    assert bare.words == annotated.words == 2
    assert annotated.spans == []


def test_a_span_at_the_width_limit_is_carried(tiny: Callable[[str], TinyBase]) -> None:
    base = tiny("bi-bert").base
    text = "one two three four five six"
    ends = [e for _, e in split_words(text)]
    segmenter = Segmenter(base, LABELS)
    entities = [Entity(0, ends[MAX_WIDTH - 1], "disease"), Entity(0, ends[MAX_WIDTH], "chemical")]
    (passage,) = segmenter.passages([Document(text, entities)], gold=True)
    assert passage.spans == [(0, MAX_WIDTH - 1, 1)]
    assert segmenter.losses.too_wide == 1


def test_gold_in_overlapping_windows_is_in_both(tiny: Callable[[str], TinyBase]) -> None:
    base = tiny("bi-bert").base
    text = "cisplatin " * 150
    spans = split_words(text)
    document = Document(text, [Entity(*span, "chemical") for span in spans], words=spans)
    passages = Segmenter(base, LABELS).passages([document], gold=True)
    assert len(passages) > 1
    assert all(len(p.spans) == p.words for p in passages)
    assert sum(p.words for p in passages) > len(spans)


def test_entities_of_documents_without_passages(tiny: Callable[[str], TinyBase]) -> None:
    documents = [Document(""), Document("Asthma"), Document(" ")]
    passages = Segmenter(tiny("bi-bert").base, LABELS).passages(documents)
    assert [p.document for p in passages] == [1]
    assert entities_of(documents, passages, [[]], LABELS) == [[], [], []]


class Counted(list[int]):
    """Counts what is taken out of it by slices and in loops."""

    taken = 0

    def __iter__(self) -> Iterator[int]:
        Counted.taken += len(self)
        return super().__iter__()

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        Counted.taken += len(found) if isinstance(key, slice) else 1
        return found


def test_a_long_text_costs_as_much_a_sentence_as_a_short_one(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    """A book of a hundred thousand sentences must not be gone through once for each of them."""
    monkeypatch.setattr(passages, "sentence_breaks", lambda *given: Counted(sentence_breaks(*given)))
    monkeypatch.setattr(Counted, "taken", 0)
    text = "Aspirin helped. " * 2000
    found = Segmenter(tiny("bi-bert").base, LABELS, "sentence").passages([Document(text)])
    assert len(found) == 2000
    assert Counted.taken <= 2000 * 40  # two for each sentence, and what a search by halving looks at
