"""Micro and macro F1 over arrays of counts, for many resamples or thresholds at once.

The array form of :mod:`gliner_adapters.evaluation.counts`, with the same conventions. Counts are arrays
``(..., C, 3)``: C labels of the schema; true positives, false positives, false negatives.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gliner_adapters.errors import ConfigError

FloatArray = NDArray[np.float64]

#: A metric computed from counts: ``(..., C, 3)`` to ``(...)``.
CountMetric = Callable[[NDArray[Any]], FloatArray]
#: What the metrics are called.
MetricName = Literal["micro_f1", "macro_f1"]


def f1(counts: NDArray[Any]) -> FloatArray:
    """F1 of counts ``(..., 3)``: ``(...)``, 0 where nothing is right."""
    double_tp = 2.0 * counts[..., 0]
    denominator = double_tp + counts[..., 1] + counts[..., 2]
    return np.divide(double_tp, denominator, out=np.zeros_like(denominator), where=denominator > 0)


def micro_f1(counts: NDArray[Any]) -> FloatArray:
    """F1 of the counts summed over labels: ``(..., C, 3)`` to ``(...)``."""
    return f1(counts.sum(axis=-2))


def macro_f1(counts: NDArray[Any]) -> FloatArray:
    """Mean of the labels' F1: ``(..., C, 3)`` to ``(...)``."""
    return f1(counts).mean(axis=-1)


def label_f1(index: int) -> CountMetric:
    """The F1 of one label, as a metric."""
    return lambda counts: f1(counts[..., index, :])


#: The metrics by name.
METRICS: dict[str, CountMetric] = {"micro_f1": micro_f1, "macro_f1": macro_f1}


def resolve_metric(metric: MetricName | CountMetric) -> CountMetric:
    """The metric of a name; a function is returned as it is.

    Raises:
        ConfigError: no metric has this name.
    """
    if callable(metric):
        return metric
    if metric not in METRICS:
        raise ConfigError(f"unknown metric {metric!r}; choose one of {', '.join(METRICS)}")
    return METRICS[metric]
