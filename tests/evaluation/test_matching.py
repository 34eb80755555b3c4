from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gliner_adapters.errors import ConfigError, DataError
from gliner_adapters.evaluation.counts import Counts, Scores
from gliner_adapters.evaluation.matching import (
    ANY_TYPE,
    MATCHES,
    count_documents,
    maximum_matching,
    overlapping,
    score_documents,
)

from .helpers import LABELS, doc, document_pairs, entities

GOLD = (5, 10, "DNA")


def hits(predicted: tuple[int, int, str]) -> set[str]:
    gold, prediction = [doc("a", GOLD)], [doc("a", predicted)]
    return {match for match in MATCHES if score_documents(gold, prediction, LABELS, match=match).micro.tp == 1}


@pytest.mark.parametrize(
    ("predicted", "matches"),
    [
        ((5, 10, "DNA"), {"strict", "left", "right", "partial", "span"}),
        ((5, 9, "DNA"), {"left", "partial"}),
        ((5, 12, "DNA"), {"left", "partial"}),
        ((3, 10, "DNA"), {"right", "partial"}),
        ((6, 9, "DNA"), {"partial"}),
        ((9, 12, "DNA"), {"partial"}),
        ((10, 12, "DNA"), set()),
        ((2, 5, "DNA"), set()),
        ((5, 10, "protein"), {"span"}),
        ((5, 9, "protein"), set()),
    ],
)
def test_what_counts_as_right(predicted, matches):
    assert hits(predicted) == matches


def test_a_wrong_label_is_false_for_both_labels():
    scores = score_documents([doc("a", (0, 3, "DNA"))], [doc("a", (0, 3, "protein"))], LABELS)
    assert scores["DNA"] == Counts(fn=1)
    assert scores["protein"] == Counts(fp=1)
    assert scores["cell_line"] == Counts()


def test_the_type_agnostic_score_has_one_row():
    scores = score_documents(
        [doc("a", (0, 3, "DNA"), (4, 6, "DNA"))], [doc("a", (0, 3, "protein"))], LABELS, match="span"
    )
    assert scores == Scores([ANY_TYPE], {ANY_TYPE: Counts(tp=1, fn=1)})


@pytest.mark.parametrize("match", MATCHES)
def test_a_prediction_written_twice_is_one(match):
    twice = score_documents([doc("a", GOLD)], [doc("a", GOLD, GOLD)], LABELS, match=match)
    assert twice.micro == Counts(tp=1)


@pytest.mark.parametrize("match", ["left", "right", "partial"])
def test_two_predictions_do_not_share_one_gold_mention(match):
    second = {"left": (5, 8, "DNA"), "right": (8, 10, "DNA"), "partial": (7, 9, "DNA")}[match]
    scores = score_documents([doc("a", GOLD)], [doc("a", GOLD, second)], LABELS, match=match)
    assert scores.micro == Counts(tp=1, fp=1)


def test_partial_matching_is_the_largest_possible():
    # The first prediction overlaps both gold mentions, the second only the first: taking the first
    # overlap met would find one pair.
    gold = [doc("a", (0, 4, "DNA"), (5, 9, "DNA"))]
    assert score_documents(gold, [doc("a", (3, 7, "DNA"), (0, 2, "DNA"))], LABELS, match="partial").micro.tp == 2


def test_a_label_outside_the_schema_is_an_error():
    with pytest.raises(DataError, match="gold document 'a' has an entity 'dna' at 0-3, outside the schema"):
        score_documents([doc("a", (0, 3, "dna"))], [doc("a")], LABELS)
    with pytest.raises(DataError, match="predicted document 'a' has an entity 'dna'"):
        score_documents([doc("a")], [doc("a", (0, 3, "dna"))], LABELS)


def test_an_unknown_match_names_the_known():
    with pytest.raises(ConfigError, match="strict, left, right, partial, span"):
        score_documents([], [], LABELS, match="exact")  # type: ignore[arg-type]


@given(document_pairs(), st.sampled_from(MATCHES), st.data())
def test_any_partition_of_documents_adds_to_the_whole(pair, match, data):
    gold, predicted = pair
    cut = data.draw(st.integers(0, len(gold)))
    parts = [
        score_documents(gold[part], predicted[part], LABELS, match=match) for part in (slice(0, cut), slice(cut, None))
    ]
    whole = score_documents(gold, predicted, LABELS, match=match)
    assert parts[0] + parts[1] == whole
    counts = count_documents(gold, predicted, LABELS, match=match)
    assert counts.scores == whole
    assert counts.ids == tuple(document.id for document in gold)
    assert counts.table.shape == (len(gold), len(whole.labels), 3)


@given(document_pairs(), st.sampled_from(MATCHES))
def test_exchanging_gold_and_predictions_exchanges_precision_and_recall(pair, match):
    gold, predicted = pair
    forth = score_documents(gold, predicted, LABELS, match=match)
    back = score_documents(predicted, gold, LABELS, match=match)
    for label in forth.labels:
        assert back[label] == Counts(forth[label].tp, forth[label].fn, forth[label].fp)


@given(document_pairs())
def test_looser_matches_find_no_less(pair):
    gold, predicted = pair
    scores = {match: score_documents(gold, predicted, LABELS, match=match) for match in MATCHES}
    for label in LABELS:
        tp = {match: scores[match][label].tp for match in MATCHES if match != "span"}
        assert tp["strict"] <= min(tp["left"], tp["right"])
        assert max(tp["left"], tp["right"]) <= tp["partial"]
    assert scores["span"].micro.tp >= scores["strict"].micro.tp


@given(document_pairs(), st.sampled_from(MATCHES), st.randoms())
def test_order_does_not_matter(pair, match, random):
    gold, predicted = pair
    shuffled = [document.with_entities(random.sample(document.entities, len(document.entities))) for document in gold]
    random.shuffle(shuffled)
    assert score_documents(shuffled, predicted, LABELS, match=match) == score_documents(
        gold, predicted, LABELS, match=match
    )


@given(entities(), entities())
def test_overlapping_pairs_are_those_with_a_common_character(first, second):
    expected = {
        (i, j)
        for i, a in enumerate(first)
        for j, b in enumerate(second)
        if set(range(a.start, a.end)) & set(range(b.start, b.end))
    }
    found = list(overlapping(first, second))
    assert len(found) == len(set(found))
    assert set(found) == expected


@given(st.lists(st.lists(st.integers(0, 4), unique=True, max_size=5), max_size=5))
def test_maximum_matching_equals_trying_all(neighbours):
    slots = [*range(5), *[-1] * len(neighbours)]
    best = max(
        sum(right in options for right, options in zip(order, neighbours, strict=True))
        for order in set(permutations(slots, len(neighbours)))
    )
    assert maximum_matching(neighbours) == best


def test_a_long_chain_of_overlaps_needs_no_recursion():
    number = 3000
    text = "x" * (4 * number + 2)
    # Last first: each gold mention takes the prediction that the one before it needs, down to the first,
    # which can only be matched by moving all of them.
    gold = [(4 * index, 4 * index + 4, "DNA") for index in reversed(range(number))]
    shifted = [(start + 2, end + 2, label) for start, end, label in gold]
    scores = score_documents([doc("a", *gold, text=text)], [doc("a", *shifted, text=text)], LABELS, match="partial")
    assert scores.micro == Counts(tp=number)
