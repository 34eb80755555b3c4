"""Do scores mean what they say? Of the entities with score 0.8, are 80% right?

Over predicted entities, right in the strict sense. Only what was predicted is looked at: an entity below
the threshold has no say here, so two calibrations compare only at one decoding threshold.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from gliner_adapters.documents.types import Document
from gliner_adapters.errors import ConfigError, DataError
from gliner_adapters.evaluation.scored import collect_scored


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Predicted entities with scores in ``(low, high]`` (the first bin includes 0), and how many: ``count``.

    ``mean_score`` and ``accuracy`` are ``None`` in an empty bin.
    """

    low: float
    high: float
    count: int
    mean_score: float | None
    accuracy: float | None


@dataclass(frozen=True, slots=True)
class Calibration:
    """Calibration of a set of predictions.

    Attributes:
        ece: expected calibration error, the mean over entities of their bin's ``|accuracy - mean score|``.
        brier: mean squared difference between score and 1 (right) or 0 (wrong).
        bins: reliability bins of equal width over [0, 1].
    """

    ece: float
    brier: float
    bins: tuple[ReliabilityBin, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {**asdict(self), "bins": [asdict(each) for each in self.bins]}


def calibrate(
    gold: Iterable[Document], predicted: Iterable[Document], labels: Sequence[str], *, bins: int = 10
) -> Calibration:
    """Expected calibration error and Brier score over predicted entities.

    Args:
        gold: annotated documents.
        predicted: the same documents with predicted entities and their scores.
        labels: the schema.
        bins: number of bins of equal width.

    Raises:
        ConfigError: fewer than one bin.
        DataError: no predicted entity at all (nothing is measured then), or as
            :func:`~.scored.collect_scored`.
    """
    if bins < 1:
        raise ConfigError(f"bins must be at least 1, got {bins}")
    entities = collect_scored(gold, predicted, labels)
    if not len(entities.score):
        raise DataError("no predicted entities: calibration is measured over predictions")
    edges = np.linspace(0.0, 1.0, bins + 1)
    place = np.clip(np.searchsorted(edges, entities.score, side="left") - 1, 0, bins - 1)
    count = np.bincount(place, minlength=bins)
    score_sum = np.bincount(place, weights=entities.score, minlength=bins)
    correct_sum = np.bincount(place, weights=entities.correct, minlength=bins)
    return Calibration(
        ece=float(np.abs(correct_sum - score_sum).sum() / count.sum()),
        brier=float(np.mean((entities.score - entities.correct) ** 2)),
        bins=tuple(
            ReliabilityBin(
                low=float(edges[i]),
                high=float(edges[i + 1]),
                count=int(count[i]),
                mean_score=float(score_sum[i] / count[i]) if count[i] else None,
                accuracy=float(correct_sum[i] / count[i]) if count[i] else None,
            )
            for i in range(bins)
        ),
    )
