from __future__ import annotations

import time
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gliner_adapters.errors import ConfigError, DataError
from gliner_adapters.evaluation.bootstrap import bootstrap_intervals, paired_test
from gliner_adapters.evaluation.metrics import METRICS, label_f1, macro_f1, micro_f1


def counts(documents: int, seed: int = 0, rates: tuple[float, float, float] = (3, 1, 1), labels: int = 3):
    return np.random.default_rng(seed).poisson(rates, size=(documents, labels, 3))


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.integers(20, 60))
def test_an_interval_holds_the_value(seed, documents):
    table = counts(documents, seed)
    for interval in bootstrap_intervals(table, METRICS, resamples=400, seed=seed).values():
        assert 0 < interval.low < interval.value < interval.high < 1


def test_equals_resampling_one_by_one():
    table = counts(12)
    drawn = np.random.default_rng(5).integers(12, size=(50, 12))
    values = [float(macro_f1(table[rows].sum(axis=0))) for rows in drawn]
    interval = bootstrap_intervals(table, {"m": macro_f1}, resamples=50, level=0.9, seed=5)["m"]
    assert (interval.low, interval.high) == pytest.approx(tuple(np.quantile(values, [0.05, 0.95])))
    assert interval.value == float(macro_f1(table.sum(axis=0)))


def test_the_seed_decides_and_metrics_share_resamples():
    table = counts(30)
    first = bootstrap_intervals(table, METRICS, seed=1)
    assert first == bootstrap_intervals(table, METRICS, seed=1)
    assert first != bootstrap_intervals(table, METRICS, seed=2)
    assert first["micro_f1"] == bootstrap_intervals(table, {"micro_f1": micro_f1}, seed=1)["micro_f1"]
    assert bootstrap_intervals(table, {"x": label_f1(2)})["x"].value == float(label_f1(2)(table.sum(axis=0)))


def test_one_document_has_no_spread():
    interval = bootstrap_intervals(counts(1), {"m": micro_f1})["m"]
    assert interval.low == interval.value == interval.high


def test_groups_are_drawn_whole():
    table = counts(40)
    groups = [f"abstract {index // 4}" for index in range(40)]
    summed = table.reshape(10, 4, 3, 3).sum(axis=1)
    assert bootstrap_intervals(table, METRICS, groups=groups) == bootstrap_intervals(summed, METRICS)


def test_copied_documents_as_groups_give_the_wider_truth():
    single = counts(40)
    copied, groups = np.repeat(single, 10, axis=0), np.repeat(np.arange(40), 10).tolist()
    naive = bootstrap_intervals(copied, METRICS)["micro_f1"]
    grouped = bootstrap_intervals(copied, METRICS, groups=groups)["micro_f1"]
    assert grouped.high - grouped.low > 2 * (naive.high - naive.low)


def test_coverage_is_near_the_level():
    # Documents from a known distribution: 95% intervals should hold the true F1 nearly that often.
    true = 2 * 3 / (2 * 3 + 1 + 1)
    held = 0
    for seed in range(200):
        interval = bootstrap_intervals(counts(100, seed), {"m": micro_f1}, resamples=300, seed=seed)["m"]
        held += interval.low <= true <= interval.high
    assert 0.90 <= held / 200 <= 0.99


def test_the_same_predictions_do_not_differ():
    table = counts(25)
    for metric in METRICS:
        test = paired_test(table, table, metric, resamples=200)
        assert test.p_value == 1.0
        assert (test.difference.value, test.difference.low, test.difference.high) == (0.0, 0.0, 0.0)


def test_the_p_value_is_near_that_of_all_exchanges():
    a, b = counts(8, 1), counts(8, 2)
    observed = abs(float(micro_f1(b.sum(axis=0)) - micro_f1(a.sum(axis=0))))
    extreme = 0
    for coins in product([False, True], repeat=8):
        swap = np.array(coins)[:, None, None]
        difference = micro_f1(np.where(swap, a, b).sum(axis=0)) - micro_f1(np.where(swap, b, a).sum(axis=0))
        extreme += abs(float(difference)) >= observed - 1e-12
    test = paired_test(a, b, "micro_f1", resamples=20_000)
    assert 0.05 < extreme / 256 < 1
    assert test.p_value == pytest.approx(extreme / 256, abs=0.015)


def test_a_clear_difference_is_found_and_has_a_direction():
    worse, better = counts(200, 1, (3, 2, 2)), counts(200, 2, (3, 1, 1))
    test = paired_test(worse, better, resamples=1000)
    assert test.a < test.b
    assert test.p_value == pytest.approx(1 / 1001)
    assert 0 < test.difference.low < test.difference.value < test.difference.high
    back = paired_test(better, worse, resamples=1000)
    assert back.difference.value == -test.difference.value
    assert back.p_value == test.p_value


def test_chance_differences_are_called_significant_about_as_often_as_allowed():
    p_values = [paired_test(counts(60, s), counts(60, s + 10_000), resamples=300).p_value for s in range(200)]
    assert 0.01 <= np.mean(np.array(p_values) <= 0.05) <= 0.10


def test_groups_are_exchanged_whole():
    a, b = counts(40, 1), counts(40, 2)
    groups = [index // 4 for index in range(40)]
    a_sum, b_sum = a.reshape(10, 4, 3, 3).sum(axis=1), b.reshape(10, 4, 3, 3).sum(axis=1)
    test = paired_test(a, b, groups=groups, resamples=500)
    assert test == paired_test(a_sum, b_sum, resamples=500)
    assert test.units == 10


def test_what_does_not_fit_is_an_error():
    table = counts(3)
    with pytest.raises(DataError, match="no documents"):
        bootstrap_intervals(table[:0], METRICS)
    with pytest.raises(DataError, match="2 groups for 3 documents"):
        bootstrap_intervals(table, METRICS, groups=["a", "b"])
    with pytest.raises(DataError, match="differ in shape"):
        paired_test(table, table[:2])
    with pytest.raises(ConfigError, match="resamples"):
        bootstrap_intervals(table, METRICS, resamples=0)
    with pytest.raises(ConfigError, match="level"):
        bootstrap_intervals(table, METRICS, level=95)


def test_ten_thousand_resamples_of_five_thousand_documents_take_seconds_at_most():
    table = counts(5000, labels=5)
    begin = time.perf_counter()
    bootstrap_intervals(table, METRICS, resamples=10_000)
    # 0.5 to 0.8 s on an idle core pair; the slack is for machines that do something else as well.
    assert time.perf_counter() - begin < 5
