"""Timing several contenders so that a machine whose speed drifts favours none of them."""

from __future__ import annotations

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
