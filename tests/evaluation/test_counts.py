from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gliner_adapters.errors import ConfigError
from gliner_adapters.evaluation.counts import Counts, Scores
from gliner_adapters.evaluation.metrics import label_f1, macro_f1, micro_f1, resolve_metric

NUMBERS = st.integers(0, 1000)
COUNTS = st.builds(Counts, NUMBERS, NUMBERS, NUMBERS)


def test_ratios_of_an_example():
    counts = Counts(tp=6, fp=2, fn=4)
    assert (counts.precision, counts.recall) == (0.75, 0.6)
    assert counts.f1 == pytest.approx(2 * 0.75 * 0.6 / (0.75 + 0.6))
    assert (counts.support, counts.predicted) == (10, 8)


@pytest.mark.parametrize("counts", [Counts(), Counts(fp=3), Counts(fn=3)])
def test_nothing_right_is_zero_not_an_error(counts):
    assert (counts.precision, counts.recall, counts.f1) == (0.0, 0.0, 0.0)


def test_counts_cannot_be_negative():
    with pytest.raises(ValueError, match="fp=-1"):
        Counts(1, -1, 0)


@given(COUNTS)
def test_exchanging_gold_and_predictions_exchanges_precision_and_recall(counts):
    swapped = Counts(counts.tp, counts.fn, counts.fp)
    assert (swapped.precision, swapped.recall, swapped.f1) == (counts.recall, counts.precision, counts.f1)


@given(st.lists(COUNTS, min_size=1, max_size=8), st.data())
def test_any_partition_adds_to_the_whole(parts, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(parts)), max_size=4)))
    pieces = [sum(parts[a:b], start=Counts()) for a, b in pairwise([0, *cuts, len(parts)])]
    assert sum(pieces, start=Counts()) == sum(parts, start=Counts())


def test_scores_add_by_label_and_leave_their_parts_alone():
    first = Scores(["a", "b"], {"a": Counts(1, 2, 3)})
    second = Scores(["b", "a"], {"a": Counts(1, 0, 0), "b": Counts(0, 0, 4)})
    both = first + second
    assert both["a"] == Counts(2, 2, 3)
    assert both["b"] == Counts(0, 0, 4)
    assert both.labels == ("a", "b")
    assert first["a"] == Counts(1, 2, 3)
    first += second
    assert first == both


def test_scores_of_different_schemas_do_not_add():
    with pytest.raises(ValueError, match="schemas"):
        Scores(["a"]) + Scores(["b"])


def test_a_label_stands_once_and_counts_stay_in_the_schema():
    with pytest.raises(ValueError, match="differ"):
        Scores(["a", "a"])
    with pytest.raises(ValueError, match="outside the schema"):
        Scores(["a"], {"b": Counts()})


def test_macro_counts_every_label_of_the_schema():
    scores = Scores(["a", "b", "none"], {"a": Counts(1, 0, 0), "b": Counts(1, 1, 0)})
    assert scores.macro_f1 == pytest.approx((1 + 2 / 3 + 0) / 3)
    assert scores.macro_precision == pytest.approx((1 + 0.5 + 0) / 3)
    assert scores.macro_recall == pytest.approx((1 + 1 + 0) / 3)
    assert scores.without_gold == ("none",)
    assert Scores([]).macro_f1 == 0.0


@given(st.lists(COUNTS, min_size=1, max_size=5))
def test_micro_is_of_the_sum_and_json_keeps_the_counts(rows):
    scores = Scores([str(index) for index in range(len(rows))], {str(i): row for i, row in enumerate(rows)})
    assert scores.micro == sum(rows, start=Counts())
    assert scores.micro_f1 == scores.micro.f1
    read = Scores.from_dict(json.loads(json.dumps(scores.to_dict())))
    assert read == scores
    assert read.labels == scores.labels


@given(st.lists(COUNTS, min_size=1, max_size=5))
def test_array_metrics_equal_the_scalar_ones(rows):
    scores = Scores([str(index) for index in range(len(rows))], {str(i): row for i, row in enumerate(rows)})
    table = np.array([[(row.tp, row.fp, row.fn) for row in rows]] * 2)
    assert micro_f1(table).tolist() == pytest.approx([scores.micro_f1] * 2)
    assert macro_f1(table).tolist() == pytest.approx([scores.macro_f1] * 2)
    assert label_f1(0)(table).tolist() == pytest.approx([rows[0].f1] * 2)


def test_an_unknown_metric_names_the_known():
    assert resolve_metric("micro_f1") is micro_f1
    assert resolve_metric(macro_f1) is macro_f1
    with pytest.raises(ConfigError, match="micro_f1, macro_f1"):
        resolve_metric("f2")  # type: ignore[arg-type]
