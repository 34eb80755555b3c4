"""Counts that add up: what was right, what was wrong, what was missed.

A score is never averaged over batches. Batches, documents and processes add their counts, and
precision, recall and F1 are read from the sum.

Conventions, the same everywhere in this package:

* A ratio whose denominator is 0 is 0 (seqeval's ``zero_division=0``).
* Micro: sum the counts of all types, then take the ratio.
* Macro: the plain mean of the per-type ratios over the labels of the schema given. Every label of the
  schema counts, also one without gold mentions: nothing of it can be right, so it enters the mean as 0.
  (seqeval takes its types from the data; the two agree when each label of the schema occurs in gold or in the
  predictions.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: The averages of a schema's scores, as results name them.
AVERAGES = ("macro_f1", "macro_precision", "macro_recall", "micro_f1", "micro_precision", "micro_recall")


@dataclass(frozen=True, slots=True)
class Counts:
    """True positives ``tp``, false positives ``fp`` and false negatives ``fn``. Immutable; ``+`` and ``+=`` add.

    Raises:
        ValueError: a count is negative.
    """

    tp: int = 0
    fp: int = 0
    fn: int = 0

    def __post_init__(self) -> None:
        if self.tp < 0 or self.fp < 0 or self.fn < 0:
            raise ValueError(f"counts must not be negative, got tp={self.tp}, fp={self.fp}, fn={self.fn}")

    def __add__(self, other: Counts) -> Counts:
        if not isinstance(other, Counts):
            return NotImplemented
        return Counts(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn)

    @property
    def support(self) -> int:
        """Number of gold mentions."""
        return self.tp + self.fn

    @property
    def predicted(self) -> int:
        """Number of predicted mentions."""
        return self.tp + self.fp

    @property
    def precision(self) -> float:
        """``tp / (tp + fp)``, 0 when nothing was predicted."""
        return self.tp / self.predicted if self.predicted else 0.0

    @property
    def recall(self) -> float:
        """``tp / (tp + fn)``, 0 when there is no gold."""
        return self.tp / self.support if self.support else 0.0

    @property
    def f1(self) -> float:
        """``2 tp / (2 tp + fp + fn)``, the harmonic mean of precision and recall; 0 when both are."""
        return 2 * self.tp / (self.predicted + self.support) if self.tp else 0.0

    def to_dict(self) -> dict[str, Any]:
        """The three counts, and the ratios for whoever reads the JSON."""
        ratios = {"precision": self.precision, "recall": self.recall, "f1": self.f1, "support": self.support}
        return {"tp": self.tp, "fp": self.fp, "fn": self.fn, **ratios}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Counts:
        """Reads ``tp``, ``fp`` and ``fn``; ratios are computed, never read."""
        return cls(int(data["tp"]), int(data["fp"]), int(data["fn"]))


class Scores:
    """Counts for each label of a schema.

    Args:
        labels: the schema, in the order of rows in reports. All of it counts in the macro mean.
        counts: counts known so far; labels left out start at 0.

    Raises:
        ValueError: a label stands twice in the schema, or ``counts`` has a label outside it.
    """

    def __init__(self, labels: Sequence[str], counts: Mapping[str, Counts] | None = None) -> None:
        given = dict(counts or {})
        if len(set(labels)) != len(labels):
            raise ValueError(f"labels must differ from each other, got {list(labels)}")
        if unknown := sorted(given.keys() - set(labels)):
            raise ValueError(f"counts for labels outside the schema {list(labels)}: {unknown}")
        self.per_type: dict[str, Counts] = {label: given.get(label, Counts()) for label in labels}

    @property
    def labels(self) -> tuple[str, ...]:
        """The schema, in its order."""
        return tuple(self.per_type)

    def __getitem__(self, label: str) -> Counts:
        return self.per_type[label]

    def __iadd__(self, other: Scores) -> Scores:
        if not isinstance(other, Scores):
            return NotImplemented
        if set(self.per_type) != set(other.per_type):
            raise ValueError(f"scores of different schemas do not add: {self.labels} and {other.labels}")
        for label, counts in other.per_type.items():
            self.per_type[label] += counts
        return self

    def __add__(self, other: Scores) -> Scores:
        if not isinstance(other, Scores):
            return NotImplemented
        total = Scores(self.labels, self.per_type)
        total += other
        return total

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Scores) and self.per_type == other.per_type

    __hash__ = None  # type: ignore[assignment]  # mutable, as `+=` adds in place

    def __repr__(self) -> str:
        return f"Scores({self.per_type!r})"

    @property
    def micro(self) -> Counts:
        """The sum over labels; its ratios are the micro averages."""
        return sum(self.per_type.values(), start=Counts())

    @property
    def micro_f1(self) -> float:
        """F1 of the summed counts."""
        return self.micro.f1

    @property
    def macro_precision(self) -> float:
        """Mean precision over the schema."""
        return self._mean(lambda counts: counts.precision)

    @property
    def macro_recall(self) -> float:
        """Mean recall over the schema."""
        return self._mean(lambda counts: counts.recall)

    @property
    def macro_f1(self) -> float:
        """Mean of the labels' F1 over the schema."""
        return self._mean(lambda counts: counts.f1)

    def _mean(self, ratio: Callable[[Counts], float]) -> float:
        values = [ratio(counts) for counts in self.per_type.values()]
        return sum(values) / len(values) if values else 0.0

    def averages(self) -> dict[str, float]:
        """The averages by name (:data:`AVERAGES`)."""
        micro = self.micro
        values = (self.macro_f1, self.macro_precision, self.macro_recall, micro.f1, micro.precision, micro.recall)
        return dict(zip(AVERAGES, values, strict=True))

    @property
    def without_gold(self) -> tuple[str, ...]:
        """Labels with no gold mention, which pull the macro mean down and deserve a remark."""
        return tuple(label for label, counts in self.per_type.items() if not counts.support)

    def to_dict(self) -> dict[str, Any]:
        """JSON form: counts per label in the schema's order, micro and macro averages."""
        return {
            "per_type": {label: counts.to_dict() for label, counts in self.per_type.items()},
            "micro": self.micro.to_dict(),
            "macro": {"precision": self.macro_precision, "recall": self.macro_recall, "f1": self.macro_f1},
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Scores:
        """Reads ``per_type``; averages are computed, never read."""
        counts = {label: Counts.from_dict(row) for label, row in data["per_type"].items()}
        return cls(tuple(counts), counts)
