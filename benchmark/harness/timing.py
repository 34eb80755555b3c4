"""Ratios of times that were taken in turn, so that a machine whose speed drifts favours none of the contenders."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from gliner_adapters.comparison.timing import timed_rounds

__all__ = ["interval", "middle", "speedups", "timed_rounds"]


def speedups(seconds: Mapping[str, Sequence[float]], reference: str) -> dict[str, dict[str, float]]:
    """How many times faster than the reference, round by round: median, lowest, highest."""
    return {
        name: middle([r / t for r, t in zip(seconds[reference], times, strict=True)])
        for name, times in seconds.items()
        if name != reference
    }


def middle(ratios: Sequence[float], digits: int = 2) -> dict[str, float]:
    """Median, lowest and highest of one ratio a round."""
    found = {"median": statistics.median(ratios), "lowest": min(ratios), "highest": max(ratios)}
    return {name: round(value, digits) for name, value in found.items()}


def interval(ratio: Mapping[str, float] | None, digits: int = 2) -> str:
    """A ratio with its range, for a table."""
    if ratio is None:
        return ""
    median, low, high = (f"{ratio[name]:.{digits}f}" for name in ("median", "lowest", "highest"))
    return f"{median} ({low} to {high})"
