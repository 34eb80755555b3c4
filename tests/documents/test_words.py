from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gliner_adapters.documents import (
    Document,
    Entity,
    entity_words,
    joined_spans,
    refine_words,
    split_words,
    word_spans,
    words_entity,
)

from .helpers import any_documents


@pytest.fixture(scope="module")
def gliner_splitter() -> Callable[[str], Iterable[Any]]:
    return pytest.importorskip("gliner.data_processing.tokenizer").WhitespaceTokenSplitter()


@given(text=st.text() | st.text("aé-_1 .\n\u00a0\u2028"))
def test_splitting_equals_gliners(gliner_splitter: Callable[[str], Iterable[Any]], text: str) -> None:
    assert [(text[start:end], start, end) for start, end in split_words(text)] == list(gliner_splitter(text))


def test_splitting_keeps_hyphens_and_cuts_punctuation() -> None:
    text = "IL-2_a (p<0.05)"
    assert [text[start:end] for start, end in split_words(text)] == [
        "IL-2_a",
        "(",
        "p",
        "<",
        "0",
        ".",
        "05",
        ")",
    ]


def test_given_words_win_over_splitting() -> None:
    assert word_spans(Document("a-b c", words=[(0, 5)])) == [(0, 5)]
    assert word_spans(Document("a-b c")) == [(0, 3), (4, 5)]


def test_entity_words_needs_both_boundaries() -> None:
    words = split_words("a heart attack, said x")
    assert entity_words(words, Entity(2, 14, "D")) == (1, 2)
    assert entity_words(words, Entity(2, 13, "D")) is None  # ends inside "attack"
    assert entity_words(words, Entity(3, 14, "D")) is None  # begins inside "heart"
    assert entity_words(words, Entity(1, 7, "D")) is None  # begins with the space
    assert entity_words(words, Entity(2, 8, "D")) is None  # ends with the space
    assert entity_words(words, Entity(1, 2, "D")) is None  # is the space
    assert entity_words([], Entity(0, 1, "D")) is None


@given(any_documents())
def test_entity_words_agrees_with_searching_all_words(document: Document) -> None:
    words = split_words(document.text)
    for entity in document.entities:
        expected = [
            (first, last)
            for first in range(len(words))
            for last in range(first, len(words))
            if (words[first][0], words[last][1]) == (entity.start, entity.end)
        ]
        assert [entity_words(words, entity)] == (expected or [None])


@given(st.lists(st.text("ab", min_size=1), min_size=1), st.data())
def test_words_to_entity_and_back(tokens: list[str], data: st.DataObject) -> None:
    words = joined_spans(tokens)
    first = data.draw(st.integers(0, len(words) - 1))
    last = data.draw(st.integers(first, len(words) - 1))
    entity = words_entity(words, first, last, "D", score=0.5)
    assert " ".join(tokens)[entity.start : entity.end] == " ".join(tokens[first : last + 1])
    assert entity_words(words, entity) == (first, last)


@pytest.mark.parametrize(("first", "last"), [(-1, 0), (0, 2), (1, 0)])
def test_words_entity_refuses_spans_outside_of_the_text(first: int, last: int) -> None:
    with pytest.raises(ValueError, match="outside of the text's 2 words"):
        words_entity([(0, 1), (2, 3)], first, last, "D")


def test_refine_words_cuts_only_where_needed() -> None:
    text = "Famotidine-associated delirium"
    refined, needed = refine_words(split_words(text), [Entity(0, 10, "C"), Entity(22, 30, "D")])
    assert [text[start:end] for start, end in refined] == ["Famotidine", "-associated", "delirium"]
    assert needed == 1


@given(any_documents())
def test_refined_words_align_every_entity_and_keep_every_character(document: Document) -> None:
    words = split_words(document.text)
    refined, needed = refine_words(words, document.entities)
    tight = [entity for entity in document.entities if not re.search(r"^\s|\s$", document.mention(entity))]
    assert all(entity_words(refined, entity) is not None for entity in tight)
    assert [i for start, end in refined for i in range(start, end)] == [
        i for start, end in words for i in range(start, end)
    ]
    assert needed == sum(
        any(start < offset < end for start, end in words for offset in (entity.start, entity.end))
        for entity in document.entities
    )
