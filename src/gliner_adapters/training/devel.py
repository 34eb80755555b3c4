"""What an evaluation on devel says: the threshold that suits an adapter best, and the scores there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from gliner_adapters.documents import Document, Label
from gliner_adapters.evaluation import above, best_threshold, score_documents
from gliner_adapters.model.decode import Span
from gliner_adapters.model.passages import Passage, entities_of

#: Devel candidates are decoded at this threshold, and the threshold is chosen above it.
SWEEP_FROM = 0.05
#: Called with each row of the curve, in every process; a run whose hook says true stops there, with its best weights.
Hook: TypeAlias = Callable[[dict[str, Any]], bool]


def devel_scores(
    documents: Sequence[Document],
    passages: Sequence[Passage],
    spans: Sequence[list[Span]],
    labels: Sequence[Label],
    threshold: float | None = None,
) -> dict[str, float]:
    """Choose the threshold and score at it.

    Args:
        documents: devel, each with an id of its own. Entities of labels that the adapter has not are left out.
        passages: what the documents were cut into.
        spans: for each passage what was decoded at :data:`SWEEP_FROM`.
        labels: the adapter's.
        threshold: where it was fixed beforehand; the spans were decoded there, or lower.

    Returns:
        precision, recall and F1, macro and micro (``macro_f1`` and so on), and the ``threshold`` that they hold at.
    """
    names = [label.name for label in labels]
    entities = entities_of(documents, passages, spans, labels)
    predicted = [d.with_entities(e) for d, e in zip(documents, entities, strict=True)]
    gold = [d.with_entities([e for e in d.entities if e.label in names]) for d in documents]
    if threshold is None:
        threshold = best_threshold(gold, predicted, names, decoded_at=SWEEP_FROM).threshold
    scores = score_documents(gold, above(predicted, threshold), names)
    return {**scores.averages(), "threshold": threshold}
