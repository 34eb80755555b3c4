from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gliner_adapters.documents.types import Document, Entity
from gliner_adapters.errors import ConfigError, DataError
from gliner_adapters.evaluation.matching import score_documents
from gliner_adapters.evaluation.threshold import DEFAULT_GRID, best_threshold

from .helpers import LABELS, doc, document_pairs, entities

HUNDREDTHS = st.integers(0, 20).map(lambda step: step / 20)


def greedy_decode(candidates: list[Entity], threshold: float, *, nested: bool = False) -> list[Entity]:
    """Reference: candidates above the threshold, from the highest score down, those that fit."""
    kept: list[Entity] = []
    for candidate in sorted(candidates, key=lambda entity: (-(entity.score or 0), entity.key)):
        if (candidate.score or 0) <= threshold:
            break
        if all(fits(candidate, other, nested) for other in kept):
            kept.append(candidate)
    return kept


def fits(a: Entity, b: Entity, nested: bool) -> bool:
    if a.end <= b.start or b.end <= a.start:
        return True
    inside = (a.start <= b.start and b.end <= a.end) or (b.start <= a.start and a.end <= b.end)
    return nested and inside and (a.start, a.end) != (b.start, b.end)


@given(entities(scored=True, max_size=15), HUNDREDTHS, HUNDREDTHS, st.booleans())
def test_filtering_a_decoding_at_a_low_threshold_is_decoding_at_a_higher_one(candidates, first, second, nested):
    low, high = sorted([first, second])
    filtered = [e for e in greedy_decode(candidates, low, nested=nested) if (e.score or 0) > high]
    assert filtered == greedy_decode(candidates, high, nested=nested)


def above(documents: list[Document], threshold: float) -> list[Document]:
    return [d.with_entities([e for e in d.entities if (e.score or 0) > threshold]) for d in documents]


@given(document_pairs(scored=True), st.sampled_from(["macro_f1", "micro_f1"]))
def test_the_curve_equals_scoring_at_every_threshold(pair, metric):
    gold, predicted = pair
    grid = [0.0, 0.05, 0.3, 0.5, 0.72, 0.95]
    sweep = best_threshold(gold, predicted, LABELS, metric, grid)
    scores = [score_documents(gold, above(predicted, threshold), LABELS) for threshold in grid]
    expected = [getattr(score, metric) for score in scores]
    assert sweep.curve == pytest.approx(expected)
    assert sweep.value == pytest.approx(max(expected))
    best = [t for t, value in zip(grid, expected, strict=True) if value == pytest.approx(max(expected))]
    assert sweep.threshold == min(best, key=lambda threshold: (round(abs(threshold - 0.5), 6), -threshold))


def test_a_score_equal_to_the_threshold_is_not_emitted():
    gold = [doc("a", (0, 1, "DNA"))]
    sweep = best_threshold(gold, [doc("a", (0, 1, "DNA", 0.5))], ["DNA"], grid=[0.4, 0.5])
    assert sweep.curve == (1.0, 0.0)
    assert sweep.threshold == 0.4


@pytest.mark.parametrize(
    ("grid", "threshold"), [([0.1, 0.9, 0.45], 0.45), ([0.35, 0.65, 0.1], 0.65), ([0.7, 0.2], 0.7)]
)
def test_among_equals_the_one_closest_to_a_half_and_then_the_higher(grid, threshold):
    gold = [doc("a", (0, 1, "DNA"))]
    sweep = best_threshold(gold, [doc("a", (0, 1, "DNA", 0.95))], ["DNA"], grid=grid)
    assert set(sweep.curve) == {1.0}
    assert sweep.threshold == threshold


def test_the_default_grid_starts_where_the_candidates_were_decoded():
    pair = [doc("a", (0, 1, "DNA"))], [doc("a", (0, 1, "DNA", 0.95))]
    assert best_threshold(*pair, LABELS).grid == DEFAULT_GRID
    assert best_threshold(*pair, LABELS, decoded_at=0.25).grid == DEFAULT_GRID[24:]
    assert json.loads(json.dumps(best_threshold(*pair, LABELS).to_dict()))["curve"][0] == [0.01, 1 / 3]
    with pytest.raises(ConfigError, match=r"down to 0\.1, below the threshold 0\.25"):
        best_threshold(*pair, LABELS, grid=[0.1, 0.5], decoded_at=0.25)
    with pytest.raises(ConfigError, match="no threshold"):
        best_threshold(*pair, LABELS, grid=[])


def test_any_metric_of_counts_will_do():
    gold = [doc("a", (0, 1, "DNA"), (4, 5, "DNA"))]
    predicted = [doc("a", (0, 1, "DNA", 0.9), (2, 3, "DNA", 0.6), (4, 5, "DNA", 0.4))]

    def precision(counts):
        totals = counts.sum(axis=-2)
        return totals[..., 0] / (totals[..., 0] + totals[..., 1])

    assert best_threshold(gold, predicted, ["DNA"], precision, [0.1, 0.5, 0.7]).threshold == 0.7


def test_candidates_need_scores():
    with pytest.raises(DataError, match="score None"):
        best_threshold([doc("a")], [doc("a", (0, 1, "DNA"))], LABELS)
