"""What kind of mistakes: each gold and predicted entity gets one kind.

Entities of both sides are paired one to one in four rounds; a pair takes both out of the later rounds:

1. ``correct``: same span, same label
2. ``wrong_type``: same span, other label
3. ``boundary``: overlapping, same label
4. ``boundary_and_type``: overlapping, other label

Within a round of overlaps the pair with the most characters in common goes first. What is left is
``spurious`` on the predicted side and ``missed`` on the gold side. So a mention that is predicted in two
pieces is one boundary error and one spurious entity, and the sums hold: gold = correct + wrong_type +
boundary + boundary_and_type + missed, and predicted the same with spurious in the place of missed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from gliner_adapters.documents.types import Document, Entity
from gliner_adapters.evaluation.matching import overlapping, schema_entities
from gliner_adapters.evaluation.pairing import pair_documents, unique_entities

ErrorKind = Literal["correct", "wrong_type", "boundary", "boundary_and_type", "spurious", "missed"]
ERROR_KINDS: tuple[ErrorKind, ...] = get_args(ErrorKind)


@dataclass(frozen=True, slots=True)
class Alignment:
    """One entity or one pair of entities, gold and predicted, and the kind that it is. A missing side is ``None``."""

    kind: ErrorKind
    gold: Entity | None
    predicted: Entity | None

    @property
    def label(self) -> str:
        """The gold label, or the predicted one of a spurious entity."""
        entity = self.gold or self.predicted
        assert entity is not None  # align() never leaves both sides empty
        return entity.label


@dataclass(slots=True)
class ErrorCounts:
    """Numbers of each kind by label, and the confusion between labels of exact spans. ``+=`` adds.

    Attributes:
        by_label: ``(label, kind)`` to number; gold's label, or the predicted one where kind is spurious.
        confusion: ``(gold label, predicted label)`` to number, over pairs with the same span.
    """

    by_label: Counter[tuple[str, ErrorKind]] = field(default_factory=Counter)
    confusion: Counter[tuple[str, str]] = field(default_factory=Counter)

    def __iadd__(self, other: ErrorCounts) -> ErrorCounts:
        if not isinstance(other, ErrorCounts):
            return NotImplemented
        self.by_label.update(other.by_label)
        self.confusion.update(other.confusion)
        return self

    def __getitem__(self, kind: ErrorKind) -> int:
        """How many of one kind, over all labels."""
        return sum(number for (_, found), number in self.by_label.items() if found == kind)

    def add(self, alignments: Iterable[Alignment]) -> None:
        """Counts the alignments of one document."""
        for alignment in alignments:
            self.by_label[alignment.label, alignment.kind] += 1
            if alignment.kind in ("correct", "wrong_type") and alignment.gold and alignment.predicted:
                self.confusion[alignment.gold.label, alignment.predicted.label] += 1

    def to_dict(self) -> dict[str, Any]:
        """JSON form: totals, ``by_label[label][kind]`` and ``confusion[gold][predicted]``."""
        return {
            "total": {kind: self[kind] for kind in ERROR_KINDS},
            "by_label": _nest(self.by_label),
            "confusion": _nest(self.confusion),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ErrorCounts:
        """Reads ``by_label`` and ``confusion``; totals are computed, never read."""
        return cls(_flatten(data["by_label"]), _flatten(data["confusion"]))


def align(gold: Document, predicted: Document) -> list[Alignment]:
    """Pairs the gold and predicted entities of one document and says what each pair or single entity is.

    Exact copies on one side are one entity. The result does not depend on the order of entities.
    """
    rest_gold = sorted(unique_entities(gold), key=lambda entity: entity.key)
    rest_predicted = sorted(unique_entities(predicted), key=lambda entity: entity.key)
    alignments: list[Alignment] = []
    rounds: tuple[tuple[ErrorKind, bool, bool], ...] = (
        ("correct", True, True),
        ("wrong_type", True, False),
        ("boundary", False, True),
        ("boundary_and_type", False, False),
    )
    for kind, same_span, same_label in rounds:
        pairs = _pairs(rest_gold, rest_predicted, same_span, same_label)
        alignments += [Alignment(kind, rest_gold[left], rest_predicted[right]) for left, right in pairs]
        rest_gold = _without(rest_gold, {left for left, _ in pairs})
        rest_predicted = _without(rest_predicted, {right for _, right in pairs})
    alignments += [Alignment("missed", entity, None) for entity in rest_gold]
    alignments += [Alignment("spurious", None, entity) for entity in rest_predicted]
    return alignments


def count_errors(gold: Iterable[Document], predicted: Iterable[Document], labels: Sequence[str]) -> ErrorCounts:
    """Classifies gold and predicted entities of all documents.

    ``labels`` is the schema; raises as :func:`~.matching.score_documents` does.
    """
    counts = ErrorCounts()
    for gold_document, predicted_document in pair_documents(gold, predicted):
        schema_entities(gold_document, labels, "gold")
        schema_entities(predicted_document, labels, "predicted")
        counts.add(align(gold_document, predicted_document))
    return counts


def _pairs(gold: list[Entity], predicted: list[Entity], same_span: bool, same_label: bool) -> list[tuple[int, int]]:
    """One round: disjoint index pairs, larger overlaps first, then in order of position."""
    candidates = []
    for left, right in overlapping(gold, predicted):
        a, b = gold[left], predicted[right]
        if (a.label == b.label) != same_label or (same_span and (a.start, a.end) != (b.start, b.end)):
            continue
        common = min(a.end, b.end) - max(a.start, b.start)
        candidates.append((-common, left, right))
    pairs: list[tuple[int, int]] = []
    used_gold: set[int] = set()
    used_predicted: set[int] = set()
    for _, left, right in sorted(candidates):
        if left not in used_gold and right not in used_predicted:
            pairs.append((left, right))
            used_gold.add(left)
            used_predicted.add(right)
    return pairs


def _without(entities: list[Entity], indices: set[int]) -> list[Entity]:
    return [entity for index, entity in enumerate(entities) if index not in indices]


def _nest(counter: Counter[Any]) -> dict[str, dict[str, int]]:
    nested: dict[str, dict[str, int]] = {}
    for (outer, inner), number in sorted(counter.items()):
        nested.setdefault(outer, {})[inner] = number
    return nested


def _flatten(nested: Mapping[str, Mapping[str, int]]) -> Counter[Any]:
    return Counter({(outer, inner): number for outer, row in nested.items() for inner, number in row.items()})
