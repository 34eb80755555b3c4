"""Predicted entities with their scores as arrays, for calibration and for the choice of a threshold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gliner_adapters.documents.types import Document, Entity
from gliner_adapters.errors import DataError
from gliner_adapters.evaluation.matching import schema_entities
from gliner_adapters.evaluation.pairing import pair_documents


@dataclass(frozen=True, slots=True)
class ScoredEntities:
    """Every predicted entity of a set of documents as arrays of length M, and what gold holds.

    Attributes:
        score: float64, in [0, 1].
        label: int64, index into the schema.
        correct: bool, right in the strict sense.
        support: int64 of length C, gold mentions per label.
    """

    score: NDArray[np.float64]
    label: NDArray[np.int64]
    correct: NDArray[np.bool_]
    support: NDArray[np.int64]


def collect_scored(gold: Iterable[Document], predicted: Iterable[Document], labels: Sequence[str]) -> ScoredEntities:
    """Flattens predictions into arrays.

    Raises:
        DataError: a predicted entity has no score in [0, 1], or as :func:`~.matching.score_documents`.
    """
    index = {label: position for position, label in enumerate(labels)}
    score: list[float] = []
    label: list[int] = []
    correct: list[bool] = []
    support = np.zeros(len(labels), dtype=np.int64)
    for gold_document, predicted_document in pair_documents(gold, predicted):
        keys = {entity.key for entity in schema_entities(gold_document, labels, "gold")}
        for _, _, name in keys:
            support[index[name]] += 1
        for entity in schema_entities(predicted_document, labels, "predicted"):
            score.append(require_score(predicted_document, entity))
            label.append(index[entity.label])
            correct.append(entity.key in keys)
    return ScoredEntities(
        np.array(score, dtype=np.float64),
        np.array(label, dtype=np.int64),
        np.array(correct, dtype=bool),
        support,
    )


def require_score(document: Document, entity: Entity, path: str | Path | None = None) -> float:
    """The score of a predicted entity.

    Raises:
        DataError: it has none, or one outside [0, 1].
    """
    if entity.score is None or not 0.0 <= entity.score <= 1.0:
        raise DataError(
            f"predicted document {document.id!r} has an entity at {entity.start}-{entity.end} with score "
            f"{entity.score}; expected a probability in [0, 1]",
            path,
        )
    return entity.score
