from __future__ import annotations

import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gliner_adapters.errors import ConfigError, DataError
from gliner_adapters.evaluation.calibration import calibrate
from gliner_adapters.evaluation.pairing import unique_entities

from .helpers import LABELS, doc, document_pairs


def test_an_example_by_hand():
    gold = [doc("a", (0, 1, "DNA"), (2, 3, "DNA"), (20, 21, "DNA"))]
    predicted = [doc("a", (0, 1, "DNA", 0.9), (2, 3, "DNA", 0.7), (4, 5, "DNA", 0.6), (6, 7, "protein", 0.2))]
    calibration = calibrate(gold, predicted, LABELS, bins=2)
    low, high = calibration.bins
    assert (low.low, low.high, low.count, low.mean_score, low.accuracy) == (0.0, 0.5, 1, 0.2, 0.0)
    assert (high.count, high.mean_score, high.accuracy) == (3, pytest.approx(2.2 / 3), pytest.approx(2 / 3))
    assert calibration.ece == pytest.approx((1 * 0.2 + 3 * abs(2.2 / 3 - 2 / 3)) / 4)
    assert calibration.brier == pytest.approx((0.1**2 + 0.3**2 + 0.6**2 + 0.2**2) / 4)
    assert json.loads(json.dumps(calibration.to_dict()))["bins"][0]["count"] == 1


def test_certain_and_right_is_perfect_and_an_edge_belongs_to_the_bin_below():
    calibration = calibrate(
        [doc("a", (0, 1, "DNA"))],
        [doc("a", (0, 1, "DNA", 1.0), (2, 3, "DNA", 0.5), (3, 4, "DNA", 0.0))],
        LABELS,
        bins=2,
    )
    assert [item.count for item in calibration.bins] == [2, 1]
    perfect = calibrate([doc("a", (0, 1, "DNA"))], [doc("a", (0, 1, "DNA", 1.0))], LABELS)
    assert (perfect.ece, perfect.brier) == (0.0, 0.0)
    assert perfect.bins[0].accuracy is None


@given(document_pairs(scored=True), st.integers(1, 12))
def test_equals_a_plain_count(pair, bins):
    gold, predicted = pair
    outcomes = [
        (entity.score, entity.key in {other.key for other in a.entities})
        for a, b in zip(gold, predicted, strict=True)
        for entity in unique_entities(b)
    ]
    assume(outcomes)
    calibration = calibrate(gold, predicted, LABELS, bins=bins)
    assert calibration.brier == pytest.approx(sum((s - r) ** 2 for s, r in outcomes) / len(outcomes))
    assert sum(item.count for item in calibration.bins) == len(outcomes)
    gaps = [
        item.count * abs(item.accuracy - item.mean_score)
        for item in calibration.bins
        if item.accuracy is not None and item.mean_score is not None
    ]
    assert calibration.ece == pytest.approx(sum(gaps) / len(outcomes))
    for item in calibration.bins:
        inside = [(s, r) for s, r in outcomes if item.low < s <= item.high or s == item.low == 0.0]
        assert item.count == len(inside)
        if inside:
            assert item.accuracy == pytest.approx(sum(r for _, r in inside) / len(inside))


def test_what_cannot_be_measured_is_an_error():
    gold = [doc("a", (0, 1, "DNA"))]
    with pytest.raises(DataError, match="no predicted entities"):
        calibrate(gold, [doc("a")], LABELS)
    with pytest.raises(DataError, match=r"document 'a' has an entity at 0-1 with score None"):
        calibrate(gold, gold, LABELS)
    with pytest.raises(DataError, match=r"score 1\.5"):
        calibrate(gold, [doc("a", (0, 1, "DNA", 1.5))], LABELS)
    with pytest.raises(ConfigError, match="at least 1"):
        calibrate(gold, gold, LABELS, bins=0)
