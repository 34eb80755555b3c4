from __future__ import annotations

import pytest
from hypothesis import given

from gliner_adapters.documents import (
    Document,
    Entity,
    entities_to_tags,
    joined_spans,
    split_tag,
    tags_to_entities,
)
from gliner_adapters.documents.tags import OFF_BOUNDARY, OVERLAPPING

from .helpers import tagged_sentences


@given(tagged_sentences())
def test_entities_to_tags_and_back(document: Document) -> None:
    assert document.words is not None
    tags, left_out = entities_to_tags(document.words, document.entities)
    assert left_out == []
    entities, stray = tags_to_entities(document.words, [split_tag(tag) for tag in tags])
    assert stray == []
    assert sorted(entity.key for entity in entities) == [entity.key for entity in document.entities]


def test_stray_and_changing_tags_begin_entities() -> None:
    words = joined_spans(["a", "b", "c", "d", "e"])
    tags = [split_tag(tag) for tag in ("I-X", "I-X", "I-Y", "O", "I-Y")]
    entities, stray = tags_to_entities(words, tags)
    assert [entity.key for entity in entities] == [(0, 3, "X"), (4, 5, "Y"), (8, 9, "Y")]
    assert stray == [0, 2, 4]


def test_adjacent_entities_stay_apart() -> None:
    words = joined_spans(["a", "b"])
    tags, _ = entities_to_tags(words, [Entity(0, 1, "X"), Entity(2, 3, "X")])
    assert tags == ["B-X", "B-X"]


def test_of_overlapping_entities_the_longest_stays() -> None:
    words = joined_spans(["a", "b", "c"])
    inner, outer, off = Entity(2, 3, "X"), Entity(0, 5, "Y"), Entity(0, 2, "Z")
    tags, left_out = entities_to_tags(words, [inner, outer, off])
    assert tags == ["B-Y", "I-Y", "I-Y"]
    assert left_out == [(off, OFF_BOUNDARY), (inner, OVERLAPPING)]


@pytest.mark.parametrize("tag", ["", "B-", "I-", "b-X", "X", "B_X", "o", "B-X ", "X-X", "SX"])
def test_other_tags_are_refused(tag: str) -> None:
    with pytest.raises(ValueError, match="expected a tag O, B-TYPE or I-TYPE"):
        split_tag(tag)
