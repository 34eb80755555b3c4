"""Timing several contenders so that a machine whose speed drifts favours none of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any


def timed_rounds(
    contenders: Mapping[str, Callable[[], Any]], rounds: int
) -> tuple[dict[str, list[float]], dict[str, Any]]:
    """Each contender once a round, in turn, after a round that warms up and whose results are kept.

    Returns:
        seconds of each round, and the result, by contender.
    """
    results = {name: run() for name, run in contenders.items()}
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    return seconds, results


def speedups(seconds: Mapping[str, list[float]], reference: str) -> dict[str, dict[str, float]]:
    """How many times faster than the reference, round by round: median, lowest, highest."""
    ratios = {}
    for name, times in seconds.items():
        if name != reference:
            each = [r / t for r, t in zip(seconds[reference], times, strict=True)]
            ratios[name] = {
                "median": round(statistics.median(each), 2),
                "lowest": round(min(each), 2),
                "highest": round(max(each), 2),
            }
    return ratios


def interval(ratio: Mapping[str, float] | None) -> str:
    """A ratio with its range, for a table."""
    return "" if ratio is None else f"{ratio['median']:.2f} ({ratio['lowest']:.2f} to {ratio['highest']:.2f})"
