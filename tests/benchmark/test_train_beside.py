"""The measurement on a small scale: both halves are answered, and a training runs in one of them."""

from __future__ import annotations

import json

import pytest

from adapters.helpers import Tiny
from benchmark.harness.script import RESULTS
from benchmark.tables.serving import train_beside_part
from benchmark.train_beside import MOST, Setting, beside_table, measure


@pytest.mark.slow
def test_a_small_measurement(tiny: Tiny) -> None:
    result = measure(Setting(base=str(tiny("bi-bert").folder), method="heads", requests=30, rounds=2))
    assert len(result["rounds"]) == 2
    for each in result["rounds"]:
        assert each["steps_trained_meanwhile"] >= 0
        for half in ("alone", "beside"):
            assert 0 < each[half]["p50_ms"] <= each[half]["p95_ms"]
    assert sum(each["steps_trained_meanwhile"] for each in result["rounds"]) > 0
    ratios = (result["ratio_of_medians"], result["ratio_of_p95"])
    assert result["passed"] is all(ratio["median"] <= MOST for ratio in ratios)
    assert beside_table(result).row_count == 3
    assert "30 requests" in train_beside_part(result)


def test_the_committed_measurement_is_whole() -> None:
    result = json.loads((RESULTS / "serving" / "train-beside.json").read_text(encoding="utf-8"))
    assert result["requests"] >= 100
    assert result["passed"] is True
    assert sum(each["steps_trained_meanwhile"] for each in result["rounds"]) > 0
    medians = sorted(each["beside"]["p50_ms"] / each["alone"]["p50_ms"] for each in result["rounds"])
    assert result["ratio_of_medians"]["highest"] == pytest.approx(medians[-1], abs=0.01)
