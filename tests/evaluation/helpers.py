"""Documents, tag sequences and strategies that the tests of this package share."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from hypothesis import strategies as st

from gliner_adapters.documents.types import Document, Entity

LABELS = ("protein", "DNA", "cell_line")
TEXT = "abcdefghijklmnopqrstuvwxyz"

WordSpan = tuple[int, int, str]


def doc(identifier: str, *entities: Sequence, text: str = TEXT) -> Document:
    """A document whose entities are ``(start, end, label)`` or ``(start, end, label, score)``."""
    return Document(text, [Entity(*entity) for entity in entities], id=identifier)


def document_of_words(identifier: str, words: Sequence[str], spans: Iterable[WordSpan]) -> Document:
    """A document from words and labelled word spans, end exclusive."""
    starts = [sum(len(word) + 1 for word in words[:index]) for index in range(len(words))]
    offsets = [(start, start + len(word)) for start, word in zip(starts, words, strict=True)]
    return with_word_spans(Document(" ".join(words), id=identifier, words=offsets), spans)


def with_word_spans(document: Document, spans: Iterable[WordSpan]) -> Document:
    """The same document with these entities."""
    words = document.words
    assert words is not None
    return document.with_entities([Entity(words[a][0], words[b - 1][1], label) for a, b, label in spans])


def word_spans(document: Document) -> list[WordSpan]:
    """The entities of a document with words, as word spans."""
    assert document.words is not None
    first = {start: index for index, (start, _) in enumerate(document.words)}
    last = {end: index + 1 for index, (_, end) in enumerate(document.words)}
    return [(first[entity.start], last[entity.end], entity.label) for entity in document.entities]


def document_tags(document: Document) -> list[str]:
    """The IOB2 tags of a document with words and flat entities."""
    return iob2_tags(len(document.words or ()), word_spans(document))


def iob2_tags(length: int, spans: Iterable[WordSpan]) -> list[str]:
    """Flat word spans as IOB2 tags."""
    tags = ["O"] * length
    for start, end, label in spans:
        tags[start:end] = [f"B-{label}", *[f"I-{label}"] * (end - start - 1)]
    return tags


def corrupt(length: int, spans: Iterable[WordSpan], labels: Sequence[str], rng: random.Random) -> list[WordSpan]:
    """Flat spans as a mediocre system would predict them: shifted, dropped, relabelled, invented."""
    wanted = []
    for start, end, label in spans:
        fate = rng.random()
        if fate < 0.15:
            continue
        if fate < 0.25:
            label = rng.choice(labels)
        elif fate < 0.40:
            start, end = start + rng.choice([-1, 0, 1]), end + rng.choice([-1, 0, 1])
        wanted.append((max(start, 0), min(end, length), label))
    if rng.random() < 0.2:
        start = rng.randrange(length)
        wanted.append((start, min(start + rng.randint(1, 3), length), rng.choice(labels)))
    kept: list[WordSpan] = []
    for span in wanted:
        if span[0] < span[1] and all(span[1] <= other[0] or other[1] <= span[0] for other in kept):
            kept.append(span)
    return sorted(kept)


@st.composite
def flat_spans(draw: st.DrawFn, length: int, labels: Sequence[str] = LABELS) -> list[WordSpan]:
    """Word spans that do not overlap, within ``length`` words."""
    spans: list[WordSpan] = []
    position = 0
    while position < length:
        if draw(st.booleans()):
            end = draw(st.integers(position + 1, min(position + 4, length)))
            spans.append((position, end, draw(st.sampled_from(labels))))
            position = end
        else:
            position += 1
    return spans


@st.composite
def tagged_pairs(draw: st.DrawFn) -> list[tuple[int, list[WordSpan], list[WordSpan]]]:
    """Sentences as ``(length, gold spans, predicted spans)``."""
    lengths = draw(st.lists(st.integers(1, 12), min_size=1, max_size=5))
    return [(length, draw(flat_spans(length)), draw(flat_spans(length))) for length in lengths]


@st.composite
def entities(draw: st.DrawFn, *, scored: bool = False, max_size: int = 7) -> list[Entity]:
    """Any entities over :data:`TEXT`: overlapping, nested and repeated ones too."""
    found = []
    for _ in range(draw(st.integers(0, max_size))):
        start = draw(st.integers(0, 12))
        end = draw(st.integers(start + 1, start + 5))
        score = draw(st.integers(0, 20)) / 20 if scored else None
        found.append(Entity(start, end, draw(st.sampled_from(LABELS)), score))
    return found


@st.composite
def document_pairs(draw: st.DrawFn, *, scored: bool = False) -> tuple[list[Document], list[Document]]:
    """Gold and predicted documents with the same ids."""
    number = draw(st.integers(1, 5))
    gold = [Document(TEXT, draw(entities()), id=f"d{index}") for index in range(number)]
    predicted = [Document(TEXT, draw(entities(scored=scored)), id=f"d{index}") for index in range(number)]
    return gold, predicted
