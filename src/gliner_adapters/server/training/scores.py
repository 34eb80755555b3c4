"""A new adapter beside the one before it, on documents that neither was trained on here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gliner_adapters.adapters import TrainedAdapter
from gliner_adapters.annotate import Annotator
from gliner_adapters.documents import Document, Label
from gliner_adapters.evaluation import Scores, keep_labels, score_documents
from gliner_adapters.model import Base
from gliner_adapters.model.precision import Precision


def scores_beside(
    new: TrainedAdapter,
    old: TrainedAdapter | Base,
    documents: Sequence[Document],
    labels: Sequence[Label],
    precision: Precision,
) -> dict[str, Any]:
    """Read the same documents with both, each at its own threshold, and score what they find.

    Args:
        new: what was trained; epoch and threshold were chosen on these documents, so that its scores flatter it.
        old: what to compare with; a base reads with the labels' names and descriptions, at 0.5.
        documents: held out, each with an id of its own.
        labels: those of the documents.
        precision: as the server reads.

    Returns:
        ``labels``, a row a label with its mentions and the F1 of both (``None`` where the old adapter does not know
        it), and ``new`` and ``old`` with their threshold and micro and macro F1, exact spans, over the labels that both
        know; ``old`` is ``None`` if there is none.
    """
    names = [label.name for label in labels]
    shared = names if isinstance(old, Base) else [name for name in names if name in old.labels]
    read = {"new": _read(Annotator(new, precision=precision), documents, names)}
    if isinstance(old, Base):
        read["old"] = _read(Annotator(old, labels, segment=old.segment, precision=precision), documents, names)
    elif shared:
        read["old"] = _read(Annotator(old, precision=precision), documents, shared)
    found: dict[str, Any] = {"documents": len(documents), "labels": [], "new": None, "old": None}
    for side, (threshold, scores) in read.items():
        both = Scores(shared or names, {name: scores[name] for name in shared or names})
        found[side] = {"threshold": threshold, "micro_f1": both.micro_f1, "macro_f1": both.macro_f1}
    for name in names:
        counts = {side: scores[name] for side, (_, scores) in read.items() if name in scores.labels}
        row = {"label": name, "mentions": counts["new"].support, "new_f1": counts["new"].f1}
        found["labels"].append({**row, "old_f1": counts["old"].f1 if "old" in counts else None})
    return found


def _read(annotator: Annotator, documents: Sequence[Document], labels: Sequence[str]) -> tuple[Any, Scores]:
    """The threshold that documents are read with, and the counts of each label."""
    predicted = keep_labels(annotator.annotate(documents), labels)
    return annotator.threshold, score_documents(keep_labels(documents, labels), predicted, labels)
