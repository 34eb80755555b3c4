from __future__ import annotations

from collections.abc import Iterator

import pytest

from gliner_adapters.documents.types import Document, Entity
from gliner_adapters.errors import DataError
from gliner_adapters.evaluation.pairing import abstract_groups, keep_labels, pair_documents, unique_entities

from .helpers import doc


def pair(gold: list[Document], predicted: list[Document]) -> list[tuple[str | None, str | None]]:
    return [(a.id, b.id) for a, b in pair_documents(gold, predicted)]


def test_pairs_by_id_in_the_order_of_gold():
    gold = [doc("a"), doc("b"), doc("c")]
    assert pair(gold, [doc("c"), doc("a"), doc("b")]) == [("a", "a"), ("b", "b"), ("c", "c")]
    assert pair([], []) == []


def test_documents_in_the_same_order_are_streamed():
    read: list[str] = []

    def stream(side: str) -> Iterator[Document]:
        for index in range(3):
            read.append(f"{side}{index}")
            yield doc(str(index))

    pairs = pair_documents(stream("gold"), stream("predicted"))
    next(pairs)
    assert read == ["gold0", "predicted0"]


@pytest.mark.parametrize(
    ("gold", "predicted", "message"),
    [
        (["a", "b"], ["a"], "no prediction for gold document 'b'"),
        (["a"], ["a", "b"], "predicted document 'b' is not in gold"),
        (["b"], ["a", "b"], "predicted document 'a' is not in gold"),
        (["a", "a"], ["a"], "gold document 2 repeats the id 'a'"),
        (["a"], ["a", "a"], "predicted document 2 repeats the id 'a'"),
        (["b", "a"], ["a", "a", "b"], "predicted document 2 repeats the id 'a'"),
    ],
)
def test_what_does_not_pair_is_an_error(gold, predicted, message):
    with pytest.raises(DataError, match=message):
        pair([doc(name) for name in gold], [doc(name) for name in predicted])


def test_an_id_is_needed():
    with pytest.raises(DataError, match="gold document 2 has no id"):
        pair([doc("a"), Document("text")], [doc("a"), Document("text")])


@pytest.mark.parametrize(("predicted", "position"), [("secret tale", 8), ("secret", 6), ("secret text!", 11), ("", 0)])
def test_differing_texts_are_an_error_that_does_not_quote_them(predicted, position):
    with pytest.raises(DataError, match=f"from character {position} on") as caught:
        pair([doc("a", text="secret text")], [doc("a", text=predicted)])
    assert "secret" not in str(caught.value)


def test_copies_are_one_entity_with_the_highest_score():
    document = Document("abc", [Entity(0, 1, "x"), Entity(1, 2, "x", 0.4), Entity(0, 1, "x", 0.9)], id="a")
    unique = unique_entities(document)
    assert [(entity.key, entity.score) for entity in unique] == [((0, 1, "x"), 0.9), ((1, 2, "x"), 0.4)]


def test_keep_labels_leaves_the_rest_out():
    documents = [doc("a", (0, 1, "x"), (1, 2, "y"))]
    assert [entity.label for entity in next(keep_labels(documents, ["y"])).entities] == ["y"]
    assert len(documents[0].entities) == 2


def test_sentences_of_one_abstract_are_one_group_and_others_stand_alone():
    sentences = [doc("1"), doc("2"), doc("3")]
    sentences[0].meta["abstract"] = sentences[2].meta["abstract"] = "train:abstract-1"
    assert abstract_groups(sentences) == ["train:abstract-1", "2", "train:abstract-1"]
