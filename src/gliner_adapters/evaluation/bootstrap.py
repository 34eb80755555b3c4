"""How sure is a score, and is one system better than another?

Documents are the units of chance, not mentions: mentions of one document share its topic, its author and
its abbreviations. Where the documents are sentences of abstracts, pass ``groups`` so that whole abstracts
are drawn.

A resample is a vector of weights over G units, so the counts of R resamples are one matrix product,
``(R, G) @ (G, 3 C)``.

Sources: percentile bootstrap, Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13;
approximate randomisation, Noreen, Computer-Intensive Methods for Testing Hypotheses (1989), chapter 2.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliner_adapters.errors import ConfigError, DataError
from gliner_adapters.evaluation.metrics import CountMetric, FloatArray, MetricName, resolve_metric

#: Weights held at once: 32 MB of float64.
_CHUNK = 4_000_000

Weights = Callable[[np.random.Generator, int, int], FloatArray]


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its percentile bootstrap interval.

    Attributes:
        value: the metric on the data as it is.
        low: lower end.
        high: upper end.
        level: confidence, 0.95 for instance.
    """

    value: float
    low: float
    high: float
    level: float

    def to_dict(self) -> dict[str, float]:
        """JSON form."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, float]) -> Interval:
        """Reads the JSON form."""
        return cls(**data)


@dataclass(frozen=True, slots=True)
class PairedTest:
    """System b against system a on the same gold.

    Attributes:
        a: the metric of system a.
        b: the metric of system b.
        difference: ``b - a``, with its paired bootstrap interval.
        p_value: two-sided, by approximate randomisation: the share of random exchanges of the systems'
            outputs whose difference is at least as large, the observed assignment included.
        resamples: resamples of the interval, and exchanges of the test.
        units: documents or groups resampled.
        seed: of the random generator.
    """

    a: float
    b: float
    difference: Interval
    p_value: float
    resamples: int
    units: int
    seed: int

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return asdict(self)


def bootstrap_intervals(
    table: NDArray[Any],
    metrics: Mapping[str, CountMetric],
    *,
    groups: Sequence[Hashable] | None = None,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, Interval]:
    """Percentile intervals of any number of metrics, from the same resamples.

    Args:
        table: counts ``(N, C, 3)`` of N documents, as in :class:`~.matching.DocumentCounts`.
        metrics: name to a function of counts ``(..., C, 3)``.
        groups: one value a document; documents with the same value are drawn together.
        resamples: number of resamples.
        level: confidence in (0, 1).
        seed: of the random generator; the same seed gives the same intervals.

    Raises:
        DataError: no documents, or ``groups`` of another length than ``table``.
        ConfigError: ``resamples`` below 1 or ``level`` outside (0, 1).
    """
    units = _units(table, groups)
    _check(resamples, level)
    sums = _weighted_sums(units, _draws, resamples, np.random.default_rng(seed))
    total = units.sum(axis=0)
    return {name: _interval(float(metric(total)), metric(sums), level) for name, metric in metrics.items()}


def paired_test(
    a: NDArray[Any],
    b: NDArray[Any],
    metric: MetricName | CountMetric = "macro_f1",
    *,
    groups: Sequence[Hashable] | None = None,
    resamples: int = 10_000,
    level: float = 0.95,
    seed: int = 0,
) -> PairedTest:
    """Tests the difference between two systems on the same documents.

    The interval resamples documents and scores both systems on each resample. The p-value exchanges the
    two systems' outputs on each document with probability 1/2, which changes nothing in distribution if the
    systems are equally good.

    Args:
        a: counts ``(N, C, 3)`` of the first system.
        b: counts of the second, the same documents in the same order.
        metric: ``"macro_f1"``, ``"micro_f1"`` or a function of counts ``(..., C, 3)``.
        groups: as in :func:`bootstrap_intervals`.
        resamples: number of resamples, and of exchanges.
        level: confidence of the interval, in (0, 1).
        seed: of the random generator.

    Raises:
        DataError: the two tables have different shapes, or as :func:`bootstrap_intervals`.
        ConfigError: as :func:`bootstrap_intervals`, or an unknown metric.
    """
    if a.shape != b.shape:
        raise DataError(f"the two systems' counts differ in shape: {a.shape} and {b.shape}")
    _check(resamples, level)
    measure = resolve_metric(metric)
    units_a, units_b = _units(a, groups), _units(b, groups)
    total_a, total_b = units_a.sum(axis=0), units_b.sum(axis=0)
    value_a, value_b = float(measure(total_a)), float(measure(total_b))
    rng = np.random.default_rng(seed)
    both = _weighted_sums(np.concatenate([units_a, units_b], axis=1), _draws, resamples, rng)
    labels = a.shape[1]
    differences = measure(both[:, labels:]) - measure(both[:, :labels])
    moved = _weighted_sums(units_b - units_a, _coins, resamples, rng)
    exchanged = measure(total_b - moved) - measure(total_a + moved)
    # The same difference may come out of other counts, a rounding error apart.
    extreme = int(np.count_nonzero(np.abs(exchanged) >= abs(value_b - value_a) - 1e-12))
    return PairedTest(
        a=value_a,
        b=value_b,
        difference=_interval(value_b - value_a, differences, level),
        p_value=(extreme + 1) / (resamples + 1),
        resamples=resamples,
        units=len(units_a),
        seed=seed,
    )


def _check(resamples: int, level: float) -> None:
    if resamples < 1:
        raise ConfigError(f"resamples must be at least 1, got {resamples}")
    if not 0.0 < level < 1.0:
        raise ConfigError(f"the confidence level must lie between 0 and 1, got {level}")


def _units(table: NDArray[Any], groups: Sequence[Hashable] | None) -> FloatArray:
    """Counts of the units that are drawn: ``(G, C, 3)`` float64 (whole numbers, exact below 2^53)."""
    if not len(table):
        raise DataError("no documents to resample")
    counts = table.astype(np.float64)
    if groups is None:
        return counts
    if len(groups) != len(table):
        raise DataError(f"{len(groups)} groups for {len(table)} documents; one group a document is needed")
    index: dict[Hashable, int] = {}
    place = [index.setdefault(group, len(index)) for group in groups]
    summed = np.zeros((len(index), *counts.shape[1:]))
    np.add.at(summed, place, counts)
    return summed


def _weighted_sums(units: FloatArray, weights: Weights, resamples: int, rng: np.random.Generator) -> FloatArray:
    """Sums of units under random weights: ``(R, C, 3)``, a chunk of resamples at a time to bound memory."""
    number = len(units)
    flat = units.reshape(number, -1)
    rows = max(1, _CHUNK // number)
    chunks = [weights(rng, min(rows, resamples - first), number) @ flat for first in range(0, resamples, rows)]
    return np.concatenate(chunks).reshape(resamples, *units.shape[1:])


def _draws(rng: np.random.Generator, resamples: int, units: int) -> FloatArray:
    """How often each unit is drawn in ``units`` draws with replacement: ``(R, G)``."""
    drawn = rng.integers(units, size=(resamples, units))
    drawn += units * np.arange(resamples)[:, None]
    return np.bincount(drawn.ravel(), minlength=resamples * units).reshape(resamples, units).astype(np.float64)


def _coins(rng: np.random.Generator, resamples: int, units: int) -> FloatArray:
    """0 or 1 for each unit: ``(R, G)``."""
    return rng.integers(2, size=(resamples, units), dtype=np.int8).astype(np.float64)


def _interval(value: float, resampled: FloatArray, level: float) -> Interval:
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(resampled, [tail, 1.0 - tail])
    return Interval(value, float(low), float(high), level)
