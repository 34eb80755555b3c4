from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gliner_adapters.errors import DataError
from gliner_adapters.evaluation.error_analysis import ERROR_KINDS, ErrorCounts, align, count_errors
from gliner_adapters.evaluation.matching import score_documents
from gliner_adapters.evaluation.pairing import unique_entities

from .helpers import LABELS, doc, document_pairs


def kinds(gold: list, predicted: list) -> list[tuple]:
    found = align(doc("a", *gold), doc("a", *predicted))
    return [(item.kind, item.gold and item.gold.key, item.predicted and item.predicted.key) for item in found]


@pytest.mark.parametrize(
    ("predicted", "kind"),
    [
        ((5, 10, "DNA"), "correct"),
        ((5, 10, "protein"), "wrong_type"),
        ((5, 9, "DNA"), "boundary"),
        ((8, 14, "protein"), "boundary_and_type"),
    ],
)
def test_one_pair(predicted, kind):
    assert kinds([(5, 10, "DNA")], [predicted]) == [(kind, (5, 10, "DNA"), predicted)]


def test_entities_apart_are_missed_and_spurious():
    assert kinds([(0, 5, "DNA")], [(5, 9, "DNA")]) == [
        ("missed", (0, 5, "DNA"), None),
        ("spurious", None, (5, 9, "DNA")),
    ]


def test_a_mention_in_two_pieces_is_one_boundary_error_and_one_spurious_entity():
    assert kinds([(0, 9, "DNA")], [(0, 3, "DNA"), (4, 9, "DNA")]) == [
        ("boundary", (0, 9, "DNA"), (4, 9, "DNA")),
        ("spurious", None, (0, 3, "DNA")),
    ]


def test_the_exact_pair_wins_over_an_overlap():
    assert kinds([(0, 4, "DNA"), (2, 6, "DNA")], [(2, 6, "DNA"), (0, 6, "DNA")]) == [
        ("correct", (2, 6, "DNA"), (2, 6, "DNA")),
        ("boundary", (0, 4, "DNA"), (0, 6, "DNA")),
    ]


def test_the_right_type_wins_over_the_larger_overlap():
    assert kinds([(0, 9, "DNA")], [(0, 8, "protein"), (8, 9, "DNA")]) == [
        ("boundary", (0, 9, "DNA"), (8, 9, "DNA")),
        ("spurious", None, (0, 8, "protein")),
    ]


@given(document_pairs())
def test_every_entity_has_one_kind_and_the_sums_hold(pair):
    gold, predicted = pair
    errors = count_errors(gold, predicted, LABELS)
    strict = score_documents(gold, predicted, LABELS)
    span = score_documents(gold, predicted, LABELS, match="span")
    paired = sum(errors[kind] for kind in ("correct", "wrong_type", "boundary", "boundary_and_type"))
    assert paired + errors["missed"] == strict.micro.support
    assert paired + errors["spurious"] == strict.micro.predicted
    assert errors["correct"] == strict.micro.tp
    assert errors["correct"] + errors["wrong_type"] == span.micro.tp == sum(errors.confusion.values())
    for label in LABELS:
        assert errors.by_label[label, "correct"] == errors.confusion[label, label] == strict[label].tp
        assert strict[label].support == sum(errors.by_label[label, kind] for kind in ERROR_KINDS if kind != "spurious")


@given(document_pairs())
def test_what_is_left_over_had_no_free_counterpart(pair):
    for gold, predicted in zip(*pair, strict=True):
        found = align(gold, predicted)
        missed = [item.gold for item in found if item.kind == "missed" and item.gold]
        spurious = [item.predicted for item in found if item.kind == "spurious" and item.predicted]
        assert not any(a.start < b.end and b.start < a.end for a in missed for b in spurious)
        assert sorted(item.gold.key for item in found if item.gold) == sorted(
            entity.key for entity in unique_entities(gold)
        )


@given(document_pairs(), st.randoms())
def test_order_does_not_matter(pair, random):
    for gold, predicted in zip(*pair, strict=True):
        shuffled = predicted.with_entities(random.sample(predicted.entities, len(predicted.entities)))
        assert align(gold, shuffled) == align(gold, predicted)


@given(document_pairs(), st.data())
def test_counts_add_and_survive_json(pair, data):
    gold, predicted = pair
    cut = data.draw(st.integers(0, len(gold)))
    total = count_errors(gold[:cut], predicted[:cut], LABELS)
    total += count_errors(gold[cut:], predicted[cut:], LABELS)
    whole = count_errors(gold, predicted, LABELS)
    assert total == whole
    assert ErrorCounts.from_dict(json.loads(json.dumps(whole.to_dict()))) == whole


def test_a_label_outside_the_schema_is_an_error():
    with pytest.raises(DataError, match="outside the schema"):
        count_errors([doc("a")], [doc("a", (0, 3, "dna"))], LABELS)
