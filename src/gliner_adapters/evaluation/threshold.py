"""The best threshold from one decoding at a low threshold.

Greedy flat decoding takes candidates from the highest score down and keeps each that overlaps none kept
before. Whether a candidate is kept depends only on candidates before it, all with scores at least as high.
Raising the threshold to t removes candidates from the end of that order, so what is kept of the others does
not change: decoding at t gives exactly those entities of a decoding at any lower threshold whose score is
above t. One pass of the model therefore serves the whole sweep. The same holds for nested decoding, where
another test replaces the overlap; it does not hold when labels have thresholds of their own.

As in GLiNER an entity is emitted when its score is *above* the threshold, not equal to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliner_adapters.documents.types import Document
from gliner_adapters.errors import ConfigError
from gliner_adapters.evaluation.metrics import CountMetric, MetricName, resolve_metric
from gliner_adapters.evaluation.scored import ScoredEntities, collect_scored

#: 0.01, 0.02, ..., 0.99.
DEFAULT_GRID: tuple[float, ...] = tuple(step / 100 for step in range(1, 100))


@dataclass(frozen=True, slots=True)
class ThresholdSweep:
    """The best threshold, the metric's ``value`` there, and its ``curve`` over the ``grid`` of thresholds."""

    threshold: float
    value: float
    grid: tuple[float, ...]
    curve: tuple[float, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON form; ``curve`` is a list of ``[threshold, value]``."""
        curve = [list(point) for point in zip(self.grid, self.curve, strict=True)]
        return {"threshold": self.threshold, "value": self.value, "curve": curve}


def best_threshold(
    gold: Iterable[Document],
    predicted: Iterable[Document],
    labels: Sequence[str],
    metric: MetricName | CountMetric = "macro_f1",
    grid: Sequence[float] | None = None,
    *,
    decoded_at: float = 0.0,
) -> ThresholdSweep:
    """Sweeps the threshold over candidates decoded at ``decoded_at``; choose on devel, never on test.

    Of thresholds with equally good values the one closest to 0.5 wins, and of two as close the higher.

    Args:
        gold: annotated documents.
        predicted: the same documents with candidates that carry scores.
        labels: the schema.
        metric: ``"macro_f1"``, ``"micro_f1"`` or a function of counts ``(T, C, 3)``.
        grid: thresholds to try; by default :data:`DEFAULT_GRID` from ``decoded_at`` on.
        decoded_at: the threshold at which the candidates were decoded.

    Raises:
        ConfigError: an unknown metric, an empty grid, or a grid that reaches below ``decoded_at`` (the
            candidates that such a threshold would emit are not there).
        DataError: as :func:`~.scored.collect_scored`.
    """
    measure = resolve_metric(metric)
    thresholds = _grid(grid, decoded_at)
    entities = collect_scored(gold, predicted, labels)
    values = measure(counts_at(entities, thresholds))
    # Rounded, so that what is equal in exact numbers is equal in floating point too.
    distance = np.round(np.abs(thresholds - 0.5), 12)
    best = int(np.lexsort((-thresholds, distance, -np.round(values, 12)))[0])
    return ThresholdSweep(
        float(thresholds[best]), float(values[best]), tuple(thresholds.tolist()), tuple(values.tolist())
    )


def _grid(grid: Sequence[float] | None, decoded_at: float) -> NDArray[np.float64]:
    chosen = [value for value in DEFAULT_GRID if value >= decoded_at] if grid is None else list(grid)
    if not chosen:
        raise ConfigError(f"no threshold to try; candidates were decoded at {decoded_at}")
    if min(chosen) < decoded_at:
        raise ConfigError(
            f"the grid reaches down to {min(chosen)}, below the threshold {decoded_at} at which candidates "
            "were decoded; decode at a lower threshold or raise the grid"
        )
    return np.array(chosen, dtype=np.float64)


def counts_at(entities: ScoredEntities, thresholds: NDArray[np.float64]) -> NDArray[np.int64]:
    """Counts when only scores above each of T thresholds are emitted: ``(T, C, 3)``."""
    counts = np.zeros((len(thresholds), len(entities.support), 3), dtype=np.int64)
    for label, support in enumerate(entities.support):
        emitted = _above(entities.score[entities.label == label], thresholds)
        right = _above(entities.score[(entities.label == label) & entities.correct], thresholds)
        counts[:, label] = np.stack([right, emitted - right, support - right], axis=-1)
    return counts


def _above(scores: NDArray[np.float64], thresholds: NDArray[np.float64]) -> NDArray[np.int64]:
    """How many scores are above each threshold."""
    return len(scores) - np.searchsorted(np.sort(scores), thresholds, side="right")


def above(documents: Iterable[Document], threshold: float) -> list[Document]:
    """Documents with the entities whose score exceeds a threshold; an entity without a score has none to exceed it."""
    return [d.with_entities([e for e in d.entities if (e.score or 0) > threshold]) for d in documents]
